"""Look at a network before any work: what of it can be divided, what its plans cost, whether they are right."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from s2dnas.errors import PlanError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.describe import Description, describe
from s2dnas.graph.trace import trace
from s2dnas.models.registry import create_model
from s2dnas.space.alignment import slow_pieces
from s2dnas.space.cost import CostModel, cost_model
from s2dnas.space.division import PieceWidth, pieces_in_words, search_space
from s2dnas.space.extremes import cheapest, most_expensive
from s2dnas.space.plan import Plan
from s2dnas.verification.findings import Verification
from s2dnas.verification.verify import verify


@dataclass(frozen=True)
class SpaceSummary:
    """A search space: its number of plans; cumulative macs (S,) of its cheapest and most expensive one; a warning of
    narrow pieces.
    """

    num_stages: int
    min_width: PieceWidth
    size: int
    cheapest: tuple[float, ...]
    most_expensive: tuple[float, ...]
    warning: str | None


@dataclass(frozen=True)
class Inspection:
    """A network, and its search space or the reason why there is none."""

    model: str
    network: Description
    space: SpaceSummary | None
    undivided: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        space = asdict(self.space) if self.space else None
        return {"model": self.model, **self.network.to_dict(), "space": space, "undivided": self.undivided}


def inspection_lines(found: Inspection) -> Iterator[str]:
    """An inspected network for people: totals, search space, couplings, what stays whole."""
    size, divisible = found.network.totals()
    yield f"{found.model}: {size}"
    yield divisible
    if space := found.space:
        yield f"{space.size:.1e} plans of {space.num_stages} stages in {pieces_in_words(space.min_width)}"
        yield f"  cheapest: {_shares(space.cheapest, found.network.macs)} of the macs up to each stage"
        yield f"  most expensive: {_shares(space.most_expensive, found.network.macs)} of the macs up to each stage"
        if space.warning:
            yield f"  {space.warning}"
    else:
        yield f"no search space: {found.undivided}"
    yield from found.network.parts()


def _shares(macs: Sequence[float], static: float) -> str:
    return " / ".join(f"{value / static:.1%}" for value in macs)


def inspect_model(
    model: str, num_classes: int, image_shape: tuple[int, int, int], stages: int, min_width: PieceWidth
) -> Inspection:
    """Capture and analyse a model of the registry for images (C, H, W).

    Raises ModelError if it cannot be captured, and SettingsError for stages or a width that make no sense.
    """
    graph = analyse_channels(trace(create_model(model, num_classes, image_shape[0]), torch.zeros(1, *image_shape)))
    network = describe(graph)
    try:
        space = search_space(graph, stages, min_width)
    except PlanError as error:
        return Inspection(model, network, None, str(error))
    cost = cost_model(graph)
    low, high = (_macs(cost, find(space, cost)) for find in (cheapest, most_expensive))
    summary = SpaceSummary(stages, min_width, space.size, low, high, slow_pieces(graph, space))
    return Inspection(model, network, summary, None)


def verify_model(
    model: str,
    num_classes: int,
    image_shape: tuple[int, int, int],
    *,
    plans: int,
    stages: int,
    min_width: int,
    seed: int,
) -> Verification:
    """Check random plans of a model of the registry, with random weights, for images (C, H, W).

    Raises ModelError if it cannot be captured, and PlanError if it cannot be divided.
    """
    net, rng = create_model(model, num_classes, image_shape[0]), np.random.default_rng(seed)
    return verify(net, torch.zeros(1, *image_shape), rng, plans=plans, num_stages=stages, min_width=min_width)


def _macs(cost: CostModel, plan: Plan) -> tuple[float, ...]:
    return tuple(cost.macs(plan).tolist())
