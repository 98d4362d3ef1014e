"""The weights that all plans of one network share: the static network's, and one classifier per stage."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from s2dnas.graph.channels import ChannelGraph


@dataclass(frozen=True, eq=False)
class Weights:
    """``body`` holds the static network's tensors by qualified name, ``heads`` each stage's copy of the tail's."""

    body: Mapping[str, Tensor]
    heads: tuple[Mapping[str, Tensor], ...]


def tensors_of(graph: ChannelGraph, *, tail: bool) -> list[str]:
    """Qualified names of the parameters and buffers that the tail, or the rest of the network, uses."""
    return sorted(
        {
            graph.traced.tensors[source.name]
            for node in graph.traced.graph.nodes
            if node.op == "call_function" and (node.name in graph.tail) is tail
            for source in node.all_input_nodes
            if source.name in graph.traced.tensors
        }
    )


def static_weights(graph: ChannelGraph, num_stages: int) -> Weights:
    """Copies of the static network's weights; every stage's classifier starts as the static one."""

    def copies(tail: bool) -> dict[str, Tensor]:
        names = tensors_of(graph, tail=tail)
        return {name: graph.traced.values[name].detach().clone() for name in names}

    return Weights(body=copies(tail=False), heads=tuple(copies(tail=True) for _ in range(num_stages)))
