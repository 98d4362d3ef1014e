"""The tail: the last mixing layers and all that follows them. Each stage owns a copy of it as its classifier."""

from collections.abc import Iterator, Set

from torch import fx

from s2dnas.graph.calls import operand
from s2dnas.graph.traced import Traced


def find_tail(traced: Traced, mixing: Set[str]) -> frozenset[str]:
    """The mixing calls that no other mixing call follows, and every call that depends on them."""
    followed: set[fx.Node] = set()
    for node in reversed(list(traced.graph.nodes)):
        if any(user in followed or user.name in mixing for user in node.users):
            followed.add(node)
    last = mixing - {node.name for node in followed}
    tail: set[str] = set()
    for node in traced.graph.nodes:
        if node.name in last or any(source.name in tail for source in node.all_input_nodes):
            tail.add(node.name)
    return frozenset(tail - {traced.graph.output_node().name})


def read_directly(traced: Traced, tail: Set[str], mixing: Set[str]) -> Iterator[tuple[fx.Node, fx.Node]]:
    """Pairs (call of the tail, feature of the body) where the feature is not read through a mixing layer's weight."""
    for node in traced.graph.nodes:
        if node.name not in tail:
            continue
        for source in node.all_input_nodes:
            by_weight = node.name in mixing and source is operand(node)
            if source.name not in tail and source.op == "call_function" and not by_weight:
                yield node, source
