"""How much of a cut in macs becomes speed: sessions against the static network in the same engine, on one thread.

python benchmarks/runtime.py --json results/runtime.json

Weights and images are random; thresholds are quantiles of scores, so that of those who reach a stage but the last the
exit share leaves. Times are process CPU time, medians over rounds in which all take turns. A killed run resumes.
``overhead`` is what a session takes longer than its stages as one graph where nobody leaves, ``compaction`` how much
faster it answers than all samples pass through all stages.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rows import add
from runtime_calls import Call, Images, in_turn, joined_call, one_graph, session_call, stages_as_one, thresholds_for

from s2dnas.artifacts import read_json
from s2dnas.exits import ExitRule
from s2dnas.export.bundling import export
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.models.registry import create_model
from s2dnas.runtime import Bundle, OnnxruntimeEngine, OpenvinoEngine, Session
from s2dnas.runtime.blocked import processor_kind
from s2dnas.runtime.engine import Engine
from s2dnas.space.division import search_space
from s2dnas.space.importance import by_importance
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build
from s2dnas.verification.verify import as_if_trained

SHARES = (0.5, 0.25, 0.25)
EXIT_SHARES = (0.0, 0.5, 0.7, 0.9)
IMAGES_OF = {1: 64, 8: 128, 64: 64}
"""How many images are timed at each size of batch."""
JOINED_BATCH = 8
STATIC, WHOLE = ("static", None), ("whole", None)
SAME = ("network", "size", "pieces", "engine", "precision", "batch", "exit_share")


@dataclass(frozen=True)
class Case:
    """A network at a resolution, cut into pieces of at least so many channels."""

    network: str
    size: int
    pieces: int


CASES = (
    Case("resnet18", 64, 32),
    Case("resnet18", 64, 64),
    Case("resnet50", 96, 32),
    Case("resnet50", 96, 64),
    Case("vgg16_bn", 32, 32),
    Case("vgg16_bn", 32, 64),
    Case("mobilenet_v2", 64, 32),
)
LARGE = Case("resnet50", 224, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", help="only these")
    parser.add_argument("--batches", nargs="+", type=int, default=list(IMAGES_OF), choices=list(IMAGES_OF))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="also ResNet-50 at 224x224")
    parser.add_argument("--openvino", action="store_true", help="on OpenVINO, against its own static network")
    given = parser.parse_args()
    torch.set_num_threads(1)
    engine = OpenvinoEngine() if given.openvino else OnnxruntimeEngine()
    for case in (*CASES, *([LARGE] if given.large else [])):
        todo = [batch for batch in given.batches if not done(given.json, case, batch, engine.name)]
        if todo and (not given.networks or case.network in given.networks):
            with tempfile.TemporaryDirectory() as folder:
                bundle = exported(case, Path(folder))
                for row in (row for batch in todo for row in measured(bundle, engine, batch, given.rounds)):
                    row = asdict(case) | row
                    add(given.json, "runtime", row, SAME, machine=machine())
                    print(json.dumps(row), flush=True)


def done(path: Path, case: Case, batch: int, engine: str) -> bool:
    """Whether the row that is written last of a batch is there."""
    if not path.exists():
        return False
    last = {**asdict(case), "engine": engine, "batch": batch, "exit_share": EXIT_SHARES[-1]}
    return any(all(row[key] == last[key] for key in last) for row in read_json(path, "runtime")["rows"])


def machine() -> dict[str, Any]:
    """What the numbers belong to."""
    told = dict(line.partition(":")[::2] for line in processor_kind().splitlines() if ":" in line)
    known = ("avx2", "avx512f", "avx512_vnni", "amx_int8", "asimd")
    return {
        "processor": told.get("model name", "unknown").strip(),
        "instructions": [flag for flag in known if flag in told.get("flags", told.get("Features", "")).split()],
        "threads": 1,
        "onnxruntime": version("onnxruntime"),
    }


def exported(case: Case, folder: Path) -> Bundle:
    """The network in three stages of half, a quarter and a quarter of the channels, and the static one."""
    torch.manual_seed(0)
    model = as_if_trained(create_model(case.network, 10), np.random.default_rng(0)).float().eval()
    graph = by_importance(analyse_channels(trace(model, torch.randn(1, 3, case.size, case.size))))
    plan = search_space(graph, len(SHARES), case.pieces).uniform(SHARES)
    rule = ExitRule("max_probability", (1.0,) * (len(SHARES) - 1))
    return export(build(graph, plan), rule, folder, static=build(graph, Plan(1, {}, {})), traced=True)


def measured(bundle: Bundle, engine: Engine, batch: int, rounds: int) -> Iterator[dict[str, Any]]:
    """A row for each way to run and exit share, those of the plain session last."""
    count = IMAGES_OF[batch]
    images = np.random.default_rng(0).standard_normal((count, *bundle.manifest.image_shape), np.float32)
    plain = Session(bundle, engine=engine, blocked=False)
    thresholds = {share: thresholds_for(plain, images, share) for share in EXIT_SHARES}
    parts = np.split(images, count // batch)
    seconds = in_turn(calls(plain, engine, parts, thresholds), rounds)
    for name, share in seconds:
        if share is not None:
            macs = plain(images, thresholds=thresholds[share]).macs.mean()
            yield {
                "engine": name,
                "precision": bundle.manifest.precision,
                "batch": batch,
                "exit_share": share,
                **compared(seconds, name, share, bundle.manifest.static_macs / macs),
                "milliseconds_per_image": round(1000 * seconds[name, share] / count, 4),
                "static_milliseconds_per_image": round(1000 * seconds[STATIC] / count, 4),
            }


def calls(
    plain: Session, engine: Engine, parts: list[Images], thresholds: Mapping[float, list[float]]
) -> dict[tuple[str, float | None], Call]:
    """What takes turns, by engine with way of handing over, and exit share."""
    bundle = plain.bundle
    assert bundle.manifest.static is not None
    made = {
        STATIC: one_graph(engine.load(bundle.graph(bundle.manifest.static)), parts),
        WHOLE: one_graph(engine.load(stages_as_one(bundle)), parts),
    }
    best = Session(bundle, engine=engine)
    for share, limits in thresholds.items():
        if best.engine != plain.engine:
            made[best.engine, share] = session_call(best, parts, limits)
        if len(parts[0]) == JOINED_BATCH:
            made[f"{best.engine}, joined", share] = joined_call(best, parts, limits)
        made[plain.engine, share] = session_call(plain, parts, limits)
    return made


def compared(
    seconds: Mapping[tuple[str, float | None], float], name: str, share: float, mac_cut: float
) -> dict[str, float | None]:
    """The figures of a row."""
    own = seconds[name, share]
    speed_up = seconds[STATIC] / own
    return {
        "mac_cut": round(mac_cut, 4),
        "speed_up": round(speed_up, 4),
        "efficiency": round(speed_up / mac_cut, 4),
        "overhead": None if share else round(own / seconds[WHOLE] - 1, 4),
        "compaction": round(seconds[name, 0.0] / own, 4),
    }


if __name__ == "__main__":
    main()
