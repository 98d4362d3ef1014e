"""One row of the coverage table: capture, analyse, divide and verify one model of a zoo."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from s2dnas.errors import S2dnasError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import Whole
from s2dnas.graph.describe import describe
from s2dnas.graph.trace import trace
from s2dnas.models.registry import create_model as build_model
from s2dnas.space.cost import cost_model
from s2dnas.space.division import search_space
from s2dnas.space.importance import by_importance
from s2dnas.staged.build import build
from s2dnas.verification.verify import as_if_trained, verify_plans

NUM_CLASSES = 1000
NUM_STAGES = 3
MIN_WIDTH = 1
NUM_PLANS = 1
# Each halves a whole number of times; the last are what networks of fixed input size are made for.
RESOLUTIONS = (64, 96, 128, 192, 224, 240, 256, 288, 320)

Row = dict[str, Any]


def unmeasured(source: str, name: str) -> Row:
    """The row of a model of which nothing is known yet."""
    return {
        "model": name,
        "source": source,
        "captured": False,
        "divisible": None,
        "oracle_error": None,
        "macs_error": None,
        "seconds": {},
        "peak_memory": None,
        "reason": "",
        "raised": "",
    }


def measure(source: str, name: str, seed: int = 0) -> Row:
    """The row of a model. What was measured before something failed stays in it; ``reason`` then says what failed,
    and ``raised`` what was raised, unless it is an error of the family that s2dnas explains.
    """
    row = unmeasured(source, name)
    try:
        _fill(row, np.random.default_rng(seed))
    except S2dnasError as error:
        _add_reason(row, str(error))
    except Exception as error:  # one model must not end the table; what it raised is a finding
        _add_reason(row, f"raised {type(error).__name__}: {next(iter(str(error).splitlines()), '')}")
        row["raised"] = type(error).__name__
    return row


def _add_reason(row: Row, reason: str) -> None:
    """Where packages are installed is nobody's business: their files are named from the package on."""
    row["reason"] = "; ".join(filter(None, [row["reason"], re.sub(r"\S*/site-packages/", "", reason)]))


def _fill(row: Row, rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    model = as_if_trained(build_model(f"{row['source']}:{row['model']}", NUM_CLASSES), rng)
    example = _smallest_example(model)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    row |= {"resolution": example.shape[-1], "parameters": parameters}
    before = _memory("VmRSS", reset_peak=True)
    with _timed(row, "capture"):
        traced = trace(model, example)
    row |= {"captured": True, "calls": sum(node.op == "call_function" for node in traced.graph.nodes)}
    with _timed(row, "analysis"):
        graph = by_importance(analyse_channels(traced))
    row["peak_memory"] = max(_memory("VmHWM") - before, 0)
    row["model_memory"] = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    described = describe(graph)
    row |= {"macs": described.macs, "divisible": described.divisible_share, "couplings": len(graph.couplings)}
    _add_reason(row, what_stays_whole(graph.whole))
    space = search_space(graph, NUM_STAGES, MIN_WIDTH)
    plans = [space.sample(rng) for _ in range(NUM_PLANS)]
    with _timed(row, "build"):
        build(graph, plans[0])
    cost = cost_model(graph)
    with _timed(row, "cost"):
        cost.macs(plans[0])
    verification = verify_plans(model, graph, plans, rng)
    found = verification.to_dict()
    row |= {"oracle_error": found["oracle_error"], "macs_error": found["macs_error"], "proven": verification.passed}
    if verification.faults:
        row["reason"] = verification.faults[0]
        row["raised"] = next((check.failure for check in verification.checks if check.failure), "")


def what_stays_whole(whole: tuple[Whole, ...], most: int = 4) -> str:
    """Operators that keep channels whole, the most frequent first, each with its reason and the first place."""
    count = Counter((item.operator, item.reason) for item in whole)
    first = {(item.operator, item.reason): item.module for item in reversed(whole)}
    named = [
        f"{operator} ({times}x, first in {first[operator, reason] or 'forward'}): {reason}"
        for (operator, reason), times in count.most_common(most)
    ]
    return "; ".join([*named, f"and {len(count) - most} more"] if len(count) > most else named)


def _smallest_example(model: nn.Module) -> Tensor:
    """One image of the smallest resolution for which forward works; the last one's error if none does."""
    for resolution in RESOLUTIONS:
        example = torch.randn(1, 3, resolution, resolution, dtype=torch.float64)
        try:
            with torch.no_grad():
                model(example)
        except Exception:  # networks say in many ways that an image is too small or not of their size
            if resolution == RESOLUTIONS[-1]:
                raise
        else:
            return example
    raise AssertionError("there is at least one resolution")


@contextmanager
def _timed(row: Row, step: str) -> Iterator[None]:
    start = time.process_time()
    yield
    row["seconds"][step] = round(time.process_time() - start, 5)


def _memory(field: str, *, reset_peak: bool = False) -> int:
    """Bytes that this process holds (VmRSS) or held at most since the last reset (VmHWM), as Linux tells."""
    if reset_peak:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
