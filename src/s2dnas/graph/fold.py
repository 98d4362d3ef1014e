"""Weights that a network computes from parameters (weight standardisation, slices) become parameters.

A stage has slices of weights. What the static network computes from a whole weight cannot be computed from a slice, so
it is computed once, when the network is captured, and training goes on with the result. So are the results of layers on
constants (an attention's biases by relative position), which would else be computed for every sample.
"""

from collections.abc import Iterator, Set
from itertools import count
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from s2dnas.graph.calls import argument, blaming, operator_name
from s2dnas.graph.convolutions import convolves


def fold_weights(graph: fx.Graph, constants: Set[str], tensors: dict[str, str], values: dict[str, Tensor]) -> None:
    """Replace each computed weight or bias of a convolution or linear layer, and such layers on constants, by
    placeholders of their own.

    ``constants`` names the calls that do not depend on the image. New placeholders are added to ``tensors`` and
    ``values``; those that were read only to compute them are removed.
    """
    for computed in dict.fromkeys(_computed(graph, constants)):
        with (
            torch.no_grad(),
            blaming(computed, "computes no weight outside forward", "compute it from parameters alone"),
        ):
            result: Tensor = _evaluate(computed, tensors, values)
        first = next((tensors[source.name] for source in _parameters(computed, tensors)), computed.name)
        with graph.inserting_before(next(iter(graph.nodes))):
            placeholder = graph.placeholder(f"{computed.name}_folded")
        name = next(name for i in count() if (name := f"{first}_folded{i or ''}") not in values)
        tensors[placeholder.name] = name
        values[name] = nn.Parameter(result.clone())
        computed.replace_all_uses_with(placeholder)
        _erase_unused(graph, computed)
    for node in list(graph.find_nodes(op="placeholder")):
        if not node.users and node.name in tensors:
            del values[tensors.pop(node.name)]
            graph.erase_node(node)


def _computed(graph: fx.Graph, constants: Set[str]) -> Iterator[fx.Node]:
    for node in graph.nodes:
        if convolves(node) or operator_name(node) == "aten.linear":
            for value in (argument(node, "weight"), argument(node, "bias"), node):
                if isinstance(value, fx.Node) and value.name in constants:
                    yield value


def _parameters(node: fx.Node, tensors: dict[str, str]) -> Iterator[fx.Node]:
    """The tensors of the network that a value is computed from, first those of its first operand."""
    for source in node.all_input_nodes:
        if source.name in tensors:
            yield source
        else:
            yield from _parameters(source, tensors)


def _evaluate(node: fx.Node, tensors: dict[str, str], values: dict[str, Tensor]) -> Any:
    if node.name in tensors:
        return values[tensors[node.name]]
    arguments = fx.map_arg((node.args, node.kwargs), lambda source: _evaluate(source, tensors, values))
    return cast(Any, node.target)(*arguments[0], **arguments[1])


def _erase_unused(graph: fx.Graph, node: fx.Node) -> None:
    if not node.users and node.op != "placeholder":
        sources = list(node.all_input_nodes)
        graph.erase_node(node)
        for source in sources:
            _erase_unused(graph, source)
