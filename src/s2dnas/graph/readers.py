"""Which layers read a layer's result: stages compute only what the logits need."""

from collections import defaultdict
from collections.abc import Mapping, Set

from s2dnas.graph.calls import operand
from s2dnas.graph.traced import Traced


def find_readers(traced: Traced, mixing: Set[str], tail: Set[str]) -> Mapping[str, frozenset[str]]:
    """For each mixing call, the mixing calls and calls of the tail that read it, with no such call in between."""
    readers: dict[str, set[str]] = defaultdict(set)
    made_by: dict[str, frozenset[str]] = {}
    for node in traced.graph.nodes:
        reads = node.name in mixing
        sources = [operand(node)] if reads else node.all_input_nodes
        found = frozenset[str]().union(*(made_by.get(source.name, ()) for source in sources))
        if reads or node.name in tail:
            for maker in found:
                readers[maker].add(node.name)
        made_by[node.name] = frozenset([node.name]) if reads else found
    return {maker: frozenset(names) for maker, names in readers.items()}
