"""Regions that run under a setting of their own (autocast, no gradients) become part of the network's graph."""

from typing import Any

from torch import fx

from s2dnas.graph.calls import blaming, operand, operator_name

_REGIONS = ("wrap_with_autocast", "wrap_with_set_grad_enabled")


def inline_regions(module: fx.GraphModule) -> None:
    """Put the calls of each region in its place; their results are those that the region has handed out."""
    while regions := [node for node in module.graph.nodes if operator_name(node) in _REGIONS]:
        for node in regions:
            with blaming(node, "cannot be taken apart", "leave the setting out of forward"):
                _inline(module, node)


def _inline(module: fx.GraphModule, node: fx.Node) -> None:
    position = next(i for i, value in enumerate(node.args) if isinstance(value, fx.Node) and value.op == "get_attr")
    region = module.get_submodule(str(operand(node, position).target))
    assert isinstance(region, fx.GraphModule)
    inputs = region.graph.find_nodes(op="placeholder")
    values: dict[fx.Node, Any] = dict(zip(inputs, node.args[position + 1 :], strict=True))
    with module.graph.inserting_before(node):
        results: Any = module.graph.graph_copy(region.graph, values)
    for user in list(node.users):
        user.replace_all_uses_with(results[user.args[1]])
        module.graph.erase_node(user)
    module.graph.erase_node(node)
