"""Write a network and its exit rules as a bundle."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from s2dnas.artifacts import replacing, write_json
from s2dnas.errors import SettingsError
from s2dnas.exits import AnyScoring, ExitRule
from s2dnas.exits.scoring import to_plain
from s2dnas.export.onnx_graph import OPSET, onnx_graph
from s2dnas.export.scored_stage import ScoredStage, scored_stages
from s2dnas.export.single_file import single_file
from s2dnas.export.timed import with_milliseconds
from s2dnas.network.info import NetworkInfo
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.manifest import BUNDLE, MANIFEST_FILE, GraphFile, Manifest, PointRecord, StageFile, ValueRecord
from s2dnas.saving.fitting import image_dtype
from s2dnas.saving.writing import by_point, refuse_rules_of_others
from s2dnas.staged.build import MultiStageNet
from s2dnas.values import IMAGE, logits_name
from s2dnas.version import __version__

if TYPE_CHECKING:
    import onnx

_log = logging.getLogger(__name__)


def export(
    network: MultiStageNet,
    rules: ExitRule | Mapping[str, ExitRule],
    folder: Path | str,
    *,
    static: MultiStageNet | None = None,
    timed: Sequence[int] = (),
    traced: bool = False,
) -> Bundle:
    """Write a network as ONNX files that run without PyTorch, with its operating points, into a folder.

    Beside a file per stage there is a single one (``single_file``), which stops as the first operating point says.
    ``static`` is the network that was divided, as one stage (``Network.static``), for whoever compares the two.
    For each size of a batch in ``timed``, the time that stages take here is measured and kept. ``traced`` as in
    ``onnx_graph``. What the folder held stays usable until all is written.

    Raises SettingsError if there is no rule, one is made for other stages, or the network does not take float32 images;
    ModelError if PyTorch cannot export a stage.
    """
    points = by_point(rules)
    _refuse_unfit(network, points)
    scorings = list(dict.fromkeys(rule.confidence for rule in points.values()))
    stages, folder = scored_stages(network, scorings), Path(folder)
    values = example_values(stages, network.info)
    graphs = [_graph(stage, values, traced) for stage in stages]
    files = [_write_stage(folder, *each) for each in zip(stages, graphs, network.macs, strict=True)]
    records = _point_records(points, scorings)
    single = single_file(graphs, next(iter(records.values())))
    manifest = Manifest(
        versions=_versions(),
        precision="float32",
        **_described(network.info),
        stages=tuple(files),
        single=write_graph(folder, "single", single, network.macs[-1]),
        static=None if static is None else _write_static(folder, static, traced),
        values=_value_records(files, values),
        scorings=tuple(to_plain(scoring) for scoring in scorings),
        points=records,
    )
    return publish(with_milliseconds(Bundle(folder, manifest), timed))


def example_values(stages: Sequence[ScoredStage], info: NetworkInfo) -> dict[str, Tensor]:
    """Every value that stages exchange, by name, for two random images."""
    generator = torch.Generator().manual_seed(0)
    values = {IMAGE: torch.randn(2, *info.image_shape, generator=generator)}
    with torch.no_grad():
        for stage in stages:
            values |= zip(stage.outputs, stage(*(values[name] for name in stage.inputs)), strict=True)
    return values


def _graph(stage: ScoredStage, values: Mapping[str, Tensor], traced: bool) -> "onnx.ModelProto":
    return onnx_graph(stage, [values[name] for name in stage.inputs], stage.inputs, stage.outputs, traced=traced)


def _point_records(points: Mapping[str, ExitRule], scorings: Sequence[AnyScoring]) -> dict[str, PointRecord]:
    return {
        name: PointRecord(scoring=scorings.index(rule.confidence), thresholds=rule.thresholds)
        for name, rule in points.items()
    }


def write_graph(folder: Path, stem: str, graph: "onnx.ModelProto", macs: float) -> GraphFile:
    """Write a graph under a name that tells its content, so that a manifest never names another one."""
    content = graph.SerializeToString()
    digest = hashlib.sha256(content).hexdigest()
    file = GraphFile(file=f"{stem}-{digest[:16]}.onnx", sha256=digest, macs=macs)
    with replacing(folder / file.file) as temporary:
        temporary.write_bytes(content)
    return file


def publish(bundle: Bundle) -> Bundle:
    """From now on the folder is this bundle; until now it was the one before."""
    write_json(bundle.folder / MANIFEST_FILE, BUNDLE, bundle.manifest.model_dump(mode="json"))
    _sweep(bundle.folder, {file.file for file in bundle.manifest.files})
    _log.info("exported to %s: %d stages in %s", bundle.folder, len(bundle.manifest.stages), bundle.manifest.precision)
    return bundle


def _write_stage(folder: Path, stage: ScoredStage, graph: "onnx.ModelProto", macs: float) -> StageFile:
    written = write_graph(folder, f"stage{stage.index + 1}", graph, macs)
    gives = tuple(name for name in stage.flat.outputs if name != logits_name(stage.index))
    return StageFile(**dict(written), reads_image=stage.reads_image, takes=stage.takes, gives=gives)


def _write_static(folder: Path, static: MultiStageNet, traced: bool) -> GraphFile:
    (stage,) = scored_stages(static, ())
    example = torch.zeros(2, *static.info.image_shape)
    graph = onnx_graph(stage, [example], stage.inputs, stage.outputs, traced=traced)
    return write_graph(folder, "static", graph, static.macs[0])


def _value_records(files: Sequence[StageFile], values: Mapping[str, Tensor]) -> dict[str, ValueRecord]:
    taken = dict.fromkeys(name for file in files for name in file.takes)
    return {
        name: ValueRecord(shape=tuple(values[name].shape[1:]), dtype=str(values[name].dtype).removeprefix("torch."))
        for name in taken
    }


def _versions() -> dict[str, str]:
    return {"s2dnas": __version__, "torch": str(torch.__version__), "onnx": version("onnx")}


def _described(info: NetworkInfo) -> dict[str, Any]:
    return {
        "opset": OPSET,
        "image_shape": info.image_shape,
        "image_dtype": "float32",
        "layout": "NCHW",
        "normalisation": info.normalisation,
        "num_classes": info.num_classes,
        "class_names": info.class_names,
        "fingerprint": info.fingerprint,
        "static_macs": info.static_macs,
    }


def _refuse_unfit(network: MultiStageNet, points: Mapping[str, ExitRule]) -> None:
    if not points:
        raise SettingsError("there is no exit rule to export; give one by s2dnas.calibrate")
    refuse_rules_of_others(points, network.num_stages)
    if (dtype := image_dtype(network.stages)) != torch.float32:
        raise SettingsError(f"the network takes images of {dtype}, runtimes take float32; export network.float()")


def _sweep(folder: Path, current: set[str]) -> None:
    """Remove graphs that the manifest does not name, and what a killed export has left."""
    for pattern in ("stage*-*.onnx", "static-*.onnx", "single-*.onnx", ".*.onnx.*.part"):
        for path in folder.glob(pattern):
            if path.name not in current:
                path.unlink(missing_ok=True)
