"""Calls of dropout: which they are, at what rate they drop, and which layers read what they leave."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from torch import fx

from s2dnas.graph.calls import operand, operator_name

OF_ELEMENTS = ("aten.dropout", "aten.alpha_dropout")
OF_CHANNELS = ("aten.feature_dropout", "aten.feature_alpha_dropout")
DROPOUT = frozenset((*OF_ELEMENTS, *OF_CHANNELS))
"""All take a value, a rate, and whether to drop. Stochastic depth is no call: a network is captured in eval mode."""


def is_dropout(node: fx.Node) -> bool:
    """Whether a call drops at random in training."""
    return node.op == "call_function" and operator_name(node) in DROPOUT


def dropout_rate(node: fx.Node) -> float:
    """How much a call of dropout drops, in [0, 1]."""
    rate = node.args[1]
    assert isinstance(rate, (int, float))
    return float(rate)


def at_rate(arguments: Sequence[Any], rate: float) -> list[Any]:
    """The arguments of a call of dropout with another rate."""
    return [arguments[0], rate, *arguments[2:]]


def feature_readers(graph: fx.Graph, layers: Collection[str]) -> frozenset[str]:
    """The calls whose first operand is what layers are said to read: the features before dropout.

    They are ``layers``, named calls, but for those that read what dropout left: there it is the call of dropout.
    """
    calls = [node for node in graph.nodes if node.name in layers]
    return frozenset(reader.name for call in calls for reader in (list(_dropped(operand(call), layers)) or [call]))


def _dropped(value: fx.Node, layers: Collection[str]) -> Iterator[fx.Node]:
    """The calls of dropout from which a value is made without a layer between."""
    seen, waiting = {value}, [value]
    while waiting:
        node = waiting.pop()
        if is_dropout(node) and dropout_rate(node) > 0:
            yield node
        elif node.name not in layers:
            waiting += [source for source in node.all_input_nodes if source not in seen]
            seen.update(node.all_input_nodes)
