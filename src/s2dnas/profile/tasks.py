"""What has to be timed for the plans of a search space: layers at a grid of widths, and some plans as a whole."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from s2dnas.graph.channels import ChannelGraph, Mixing
from s2dnas.profile.grid import Widths, input_grid, output_grid
from s2dnas.profile.kernel import Kernel
from s2dnas.profile.work import WorkModel
from s2dnas.space.plan import Plan
from s2dnas.space.profiles import draw_around_a_profile
from s2dnas.space.space import SearchSpace, Split


def widths_to_time(graph: ChannelGraph, space: SearchSpace, model: WorkModel) -> dict[Kernel, Widths]:
    """The widths to time of every kernel of a network."""
    found: dict[Kernel, Widths] = {}
    pieces = _pieces_of_units(graph, space)
    for node, kernel in model.kernels.items():
        layer = graph.layer_of.get(node)
        grid = _whole(graph, node, kernel) if layer is None else _divided(layer, kernel, pieces)
        found[kernel] = found[kernel].joined(grid) if kernel in found else grid
    return found


def some_plans(space: SearchSpace, count: int, seed: int = 0) -> list[Plan]:
    """Plans to time as a whole: the uniform one, and others of all shapes."""
    rng = np.random.default_rng(seed)
    plans = {space.uniform(): None}
    for _ in range(100 * count):
        if len(plans) >= count:
            break
        plans[draw_around_a_profile(space, rng)] = None
    return list(plans)


def _pieces_of_units(graph: ChannelGraph, space: SearchSpace) -> dict[int, int]:
    """Units of the smallest piece of the coupling that a unit belongs to, for those that are divided."""
    splits = {split.name: min(split.pieces) for split in space.decisions if isinstance(split, Split)}
    return {
        unit: splits[coupling.name]
        for coupling in graph.couplings
        if coupling.name in splits
        for unit in coupling.units.tolist()
    }


def _divided(layer: Mixing, kernel: Kernel, pieces: Mapping[int, int]) -> Widths:
    outputs, inputs = layer.outputs.tolist(), layer.inputs.tolist()
    made = (len(outputs),) if layer.in_tail else _widths(outputs, pieces, output_grid)
    if kernel.group is not None:
        return Widths((0,), tuple(sorted({-(-width // kernel.group[1]) * kernel.group[1] for width in made})))
    return Widths(_widths(inputs, pieces, input_grid), made)


def _widths(
    units: Sequence[int], pieces: Mapping[int, int], grid: Callable[[int, int], tuple[int, ...]]
) -> tuple[int, ...]:
    """Widths of a side of a layer whose channels have these units."""
    divided = [unit for unit in units if unit in pieces]
    if not divided:
        return (len(units),)
    channels = len(divided) // len(set(divided))
    return tuple(grid(min(pieces[unit] for unit in divided) * channels, len(units)))


def _whole(graph: ChannelGraph, node: str, kernel: Kernel) -> Widths:
    call = next(each for each in graph.traced.graph.nodes if each.name == node)
    outputs, inputs = graph.traced.shapes[call.args[1].name][:2]
    return Widths((inputs,) if kernel.group is None else (0,), (outputs,))
