"""Where the samples of a batch lie in a value: along the first axis, or wherever the network has moved them."""

from collections.abc import Mapping, Set
from typing import Any, cast

import torch
from torch import Tensor, fx

from s2dnas.graph.ops import rearranges
from s2dnas.graph.traced import FIRST, Samples


def find_samples(
    graph: fx.Graph, image: str, constants: Set[str], one: Mapping[str, Any], two: Mapping[str, Any]
) -> dict[str, Samples | None]:
    """Where samples lie in the result of each call on images, None where they cannot be told apart.

    ``one`` and ``two`` hold all values, on the meta device, for batches of one and of two.
    """
    found: dict[str, Samples | None] = {image: FIRST}
    for node in graph.nodes:
        called = node.op == "call_function" and node.name not in constants
        if called and isinstance(two[node.name], (Tensor, tuple, list)):
            found[node.name] = _of(node, found, one, two)
    return found


def _of(
    node: fx.Node, found: Mapping[str, Samples | None], one: Mapping[str, Any], two: Mapping[str, Any]
) -> Samples | None:
    single, double = one[node.name], two[node.name]
    if not isinstance(double, Tensor) or (single.shape[:1], double.shape[:1]) == ((1,), (2,)):
        return FIRST
    sources = [source for source in node.all_input_nodes if source.name in found]
    if any(found[source.name] is None or not isinstance(two[source.name], Tensor) for source in sources):
        return None
    if rearranges(node):
        return _moved(node, found, two)
    alike = {found[source.name] for source in sources if two[source.name].ndim == double.ndim}
    samples = alike.pop() if len(alike) == 1 else None
    return samples if samples and double.shape[samples.axis] == 2 * samples.count else None


def _moved(node: fx.Node, found: Mapping[str, Samples | None], two: Mapping[str, Any]) -> Samples | None:
    """Where a call that rearranges moves samples: it is run on the samples' numbers."""

    def numbers(source: fx.Node) -> Any:
        samples, value = found.get(source.name), two[source.name]
        if not isinstance(value, Tensor):
            return value
        return samples.numbers(tuple(value.shape)) if samples else torch.full(value.shape, -1, dtype=torch.int8)

    try:
        result: Tensor = cast(Any, node.target)(*fx.map_arg(node.args, numbers), **fx.map_arg(node.kwargs, numbers))
    except Exception:  # an operator that does not run on numbers of samples; it may raise anything
        return None
    for axis in range(result.ndim):
        samples = Samples(axis, result.shape[axis] // 2)
        if result.shape[axis] == 2 * samples.count > 0 and torch.equal(result, samples.numbers(tuple(result.shape))):
            return samples
    return None
