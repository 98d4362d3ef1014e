"""The search space of an analysed network, for a number of stages and a smallest width."""

from typing import Literal

from s2dnas.errors import PlanError, SettingsError
from s2dnas.graph.channels import ChannelGraph, Coupling, Mixing
from s2dnas.space.space import Concat, SearchSpace, Split

PieceWidth = int | Literal["aligned"]
"""The smallest number of channels of a piece, or those that processors are fast at."""
ALIGNED = (32, 16, 8, 4, 2, 1)
"""Channels of an aligned piece: the first of these of which a coupling has one for every stage."""


def pieces_in_words(min_width: PieceWidth) -> str:
    """How finely couplings are divided, for people."""
    return "aligned pieces" if min_width == "aligned" else f"pieces of {min_width} channels"


def search_space(graph: ChannelGraph, num_stages: int = 3, min_width: PieceWidth = 8) -> SearchSpace:
    """All ways to divide a network into S stages, in pieces of at least ``min_width`` channels, or in aligned ones.

    A coupling with fewer pieces than stages stays whole in stage 1, and so does one that is read only by such
    couplings: its later stages would not reach their classifiers. Raises PlanError if none can be divided, and
    SettingsError for fewer than two stages or a width below 1.
    """
    if num_stages < 2 or (min_width != "aligned" and min_width < 1):
        raise SettingsError(
            f"num_stages is {num_stages} and min_width {min_width}; give at least 2 stages, and at least 1 channel or "
            "'aligned'"
        )
    splits = [Split(coupling.name, _pieces(coupling, min_width, num_stages)) for coupling in graph.couplings]
    wide = {split.name for split in splits if split.count >= num_stages}
    useful = _reaching_the_tail(graph, wide)
    if not useful:
        raise PlanError(_nothing_to_divide(splits, wide, num_stages, min_width))
    return SearchSpace(num_stages, tuple(_walk(graph, {s.name: s for s in splits if s.name in useful})))


def _nothing_to_divide(splits: list[Split], wide: set[str], num_stages: int, min_width: PieceWidth) -> str:
    if splits and len(wide) == len(splits):
        return (
            f"all {len(splits)} couplings are wide enough for {num_stages} stages, but something that stays whole lies "
            "between them and the classifier; 's2dnas inspect' lists it"
        )
    return (
        f"{num_stages} stages need couplings of at least {num_stages} {pieces_in_words(min_width)} up to the "
        f"classifier; {len(wide)} of {len(splits)} couplings have as many, the widest has "
        f"{max((split.count for split in splits), default=0)} pieces; take fewer stages or a smaller min_width"
    )


def _reaching_the_tail(graph: ChannelGraph, wide: set[str]) -> set[str]:
    """Those couplings that the tail reads, or a layer whose outputs belong to such a coupling."""
    units = {coupling.name: set(coupling.units.tolist()) for coupling in graph.couplings if coupling.name in wide}
    links = [(layer.in_tail, set(layer.inputs.tolist()), set(layer.outputs.tolist())) for layer in graph.mixing]
    found: set[str] = set()
    reached: set[int] = set()
    while new := {
        name
        for name, own in units.items()
        if name not in found
        and any(own & inputs and (in_tail or reached & outputs) for in_tail, inputs, outputs in links)
    }:
        found |= new
        reached.update(*(units[name] for name in new))
    return found


def _pieces(coupling: Coupling, min_width: PieceWidth, num_stages: int) -> tuple[int, ...]:
    """Units per piece; what is left over widens the first piece, since stage 1 gains most from width."""
    if min_width == "aligned":
        channels = len(coupling.units) * coupling.channels_per_unit
        return _pieces(coupling, next((width for width in ALIGNED if channels // width >= num_stages), 1), num_stages)
    per_piece = -(-min_width // coupling.channels_per_unit)
    count, rest = divmod(len(coupling.units), per_piece)
    return (per_piece + rest, *[per_piece] * (count - 1)) if count else ()


def _walk(graph: ChannelGraph, divided: dict[str, Split]) -> list[Split | Concat]:
    """Decisions in the order of the network's layers: what a layer reads, then how its output channels are split."""
    units = {unit for coupling in graph.couplings if coupling.name in divided for unit in coupling.units.tolist()}
    decisions: list[Split | Concat] = []
    for layer in graph.mixing:
        if _has_indicators(layer, units):
            decisions.append(Concat(layer.name))
        new = [coupling.name for coupling in graph.couplings if coupling.layers[0] == layer.name]
        decisions += [divided[name] for name in new if name in divided]
    return decisions


def _has_indicators(layer: Mixing, divided: set[int]) -> bool:
    """Whether a layer has indicators: inputs and outputs are divided, it has no groups, and it is not in the tail."""
    inputs, outputs = (not divided.isdisjoint(units.tolist()) for units in (layer.inputs, layer.outputs))
    return inputs and outputs and layer.groups == 1 and not layer.in_tail
