"""How to read one call of a captured graph: its operator, its arguments, and the module that made it."""

from typing import Any

import torch
from torch import fx


def operator_name(node: fx.Node) -> str:
    """``aten.conv2d`` for a call of ``torch.ops.aten.conv2d.default``."""
    target: Any = node.target
    if isinstance(target, torch._ops.OpOverload):
        return f"{target.namespace}.{target._schema.name.split('::')[1]}"
    return str(getattr(target, "__name__", target))


def argument_names(node: fx.Node) -> list[str]:
    """The names of an operator's arguments in the order of its schema, none for a plain function."""
    schema = getattr(node.target, "_schema", None)
    return [argument.name for argument in schema.arguments] if schema else []


def argument(node: fx.Node, name: str, default: Any = None) -> Any:
    """An argument of an ATen call by its name in the operator's schema, ``default`` if it is not given."""
    names = argument_names(node)
    position = names.index(name) if name in names else len(node.args)
    return node.args[position] if position < len(node.args) else node.kwargs.get(name, default)


def operand(node: fx.Node, position: int = 0) -> fx.Node:
    """An argument that is a value of the graph."""
    value = node.args[position]
    assert isinstance(value, fx.Node)
    return value


def result_of(graph: fx.Graph) -> fx.Node:
    """The value that a graph with one result returns."""
    return operand(graph.output_node())


def module_path(node: fx.Node) -> str:
    """The qualified name of the innermost module that made a call, "" for the network itself."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack else ""
    return str(path).removeprefix("L['self'].").removeprefix("L['self']")
