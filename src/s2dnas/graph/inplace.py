"""Replace calls that write into their operand by calls that compute a new value."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import fx

from s2dnas.errors import ModelError
from s2dnas.graph.calls import module_path, operand


def make_functional(graph: fx.Graph) -> None:
    """Make each such call return a new value, which all later calls read instead of the written tensor.

    Raises ModelError if the written tensor shares memory with another that is read later: that value would change too.
    """
    order = {node: index for index, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if node.op != "call_function" or not _first_is(node.target, write=True):
            continue
        written = operand(node)
        _refuse_aliases(node, written, order)
        node.target = _functional(node)
        for user in list(written.users):
            if order[user] > order[node]:
                user.replace_input_with(written, node)


def _functional(node: fx.Node) -> Any:
    """``relu`` for ``relu_``."""
    target: Any = node.target
    packet = getattr(torch.ops.aten, target._schema.name.removeprefix("aten::").removesuffix("_"), None)
    overload = getattr(packet, target._overloadname, None)
    if overload is None or _first_is(overload, write=True):
        raise ModelError(f"{module_path(node) or 'forward'}: {target} has no out-of-place form; write it as one")
    return overload


def _refuse_aliases(node: fx.Node, written: fx.Node, order: Mapping[fx.Node, int]) -> None:
    for alias in _aliases(written, order[node], order):
        if any(order[user] > order[node] for user in alias.users):
            raise ModelError(
                f"{module_path(node) or 'forward'}: {node.target} writes into a tensor that shares memory with "
                f"{alias.name}, which is read afterwards; use the out-of-place form of the call"
            )


def _aliases(written: fx.Node, before: int, order: Mapping[fx.Node, int]) -> set[fx.Node]:
    """All views of the same memory that exist before a call, without the written tensor itself."""
    found, open_ends = {written}, [written]
    while open_ends:
        node = open_ends.pop()
        near = [user for user in node.users if _is_view(user) and user.args[0] is node and order[user] < before]
        near += [operand(node)] if _is_view(node) else []
        open_ends += [other for other in near if other not in found]
        found.update(near)
    return found - {written}


def _is_view(node: fx.Node) -> bool:
    """Whether a call's result may share memory with its first argument."""
    if node.op != "call_function" or not node.args or not isinstance(node.args[0], fx.Node):
        return False
    return getattr(node.target, "__name__", "") == "getitem" or _first_is(node.target, write=False)


def _first_is(target: Any, *, write: bool) -> bool:
    """Whether an operator writes into its first argument, or (not ``write``) gives a view of it."""
    if not isinstance(target, torch._ops.OpOverload):
        return False
    arguments = target._schema.arguments
    alias = arguments[0].alias_info if arguments else None
    return alias is not None and alias.is_write is write
