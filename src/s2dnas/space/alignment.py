"""Widths that processors are slow at: how many of them a plan has, or the plans of a space can have."""

from collections.abc import Iterable, Iterator

from s2dnas.graph.channels import ChannelGraph
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace, Split

LEAST, STEP = 32, 16
"""From so many outputs on, in multiples of that, a convolution takes about as long per multiply-add as a wide one."""


def slow_widths(graph: ChannelGraph, plan: Plan) -> str | None:
    """A sentence about the parts of a plan that are narrow or uneven; None if there are none."""
    return _sentence("parts", _channels(graph, plan.widths.items()))


def slow_pieces(graph: ChannelGraph, space: SearchSpace) -> str | None:
    """The same about the pieces that a search space divides couplings into."""
    splits = [(each.name, each.pieces) for each in space.decisions if isinstance(each, Split)]
    return _sentence("pieces", _channels(graph, splits))


def _channels(graph: ChannelGraph, widths: Iterable[tuple[str, tuple[int, ...]]]) -> Iterator[int]:
    per_unit = {coupling.name: coupling.channels_per_unit for coupling in graph.couplings}
    for name, units in widths:
        yield from (width * per_unit[name] for width in units)


def _sentence(what: str, channels: Iterable[int]) -> str | None:
    widths = list(channels)
    slow = [width for width in widths if width < LEAST or width % STEP]
    if not slow:
        return None
    return (
        f"{len(slow)} of {len(widths)} {what} of couplings have fewer than {LEAST} channels or no multiple of {STEP}: "
        "their convolutions take more time per multiply-add, 2 to 3 times as much at 8 outputs, 1.3 to 1.5 times at 16 "
        "(docs/latency.md); where time is the goal, take space.min_width=aligned"
    )
