"""The graph of a stage as JSON holds it, and back: a list of nodes in order. Nothing in it is ever executed.

A module makes Python code of its graph; so names, which that code takes as they are, must be plain identifiers, and
parts of a tensor's path, which it quotes, hold no quotes.
"""

import keyword
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import fx

from s2dnas.errors import ArtifactError, ModelError
from s2dnas.staged.arguments import argument_from_plain, plain_argument
from s2dnas.staged.targets import target_name, target_named


def graph_to_plain(graph: fx.Graph) -> list[dict[str, Any]]:
    """One entry per node, as plain values. Raises ModelError, which names the node, if one cannot be saved."""
    return [_to_plain(node) for node in graph.nodes]


def _to_plain(node: fx.Node) -> dict[str, Any]:
    if node.op not in _CHECKED:
        raise ModelError(f"node {node.name}: a {node.op} cannot be saved; write it as calls of functions")
    try:
        entry = {
            "op": node.op,
            "name": node.name,
            "target": target_name(node.target) if node.op == "call_function" else str(node.target),
            "args": [plain_argument(argument) for argument in node.args],
        }
        keywords = {name: plain_argument(argument) for name, argument in node.kwargs.items()}
    except ModelError as error:
        raise ModelError(f"node {node.name}: {error}") from error
    return entry | ({"kwargs": keywords} if keywords else {})


def graph_from_plain(content: Sequence[Mapping[str, Any]]) -> fx.Graph:
    """The graph that ``graph_to_plain`` wrote.

    Raises ArtifactError if it is no such graph, ModelError if a library of operators is not there.
    """
    graph, nodes = fx.Graph(), dict[str, fx.Node]()
    try:
        for entry in content:
            if entry["name"] in nodes:
                raise ArtifactError(f"the name {entry['name']!r} occurs twice; save the network again")
            nodes[entry["name"]] = _from_plain(graph, entry, nodes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"not the graph of a stage: {error!r}; save the network again") from error
    if [node.op for node in graph.nodes].count("output") != 1 or next(reversed(graph.nodes)).op != "output":
        raise ArtifactError("the graph of a stage must end in its one output; save the network again")
    return graph


def _from_plain(graph: fx.Graph, entry: Mapping[str, Any], nodes: Mapping[str, fx.Node]) -> fx.Node:
    op, target, keywords = entry["op"], entry["target"], dict(entry.get("kwargs", {}))
    for name in (entry["name"], *keywords):
        _identifier(name)
    arguments = tuple(argument_from_plain(argument, nodes) for argument in entry["args"])
    keywords = {name: argument_from_plain(argument, nodes) for name, argument in keywords.items()}
    if op != "call_function" and (keywords or len(arguments) != (op == "output")):
        raise ArtifactError(f"a node {op!r} has arguments that are not its own; save the network again")
    return graph.create_node(op, _CHECKED[op](target), arguments, keywords, entry["name"])


def _identifier(name: str) -> str:
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise ArtifactError(f"{name!r} is no name of a value; save the network again")
    return name


def _path(target: str) -> str:
    for part in target.split("."):
        if not (part and part.isprintable()) or keyword.iskeyword(part) or any(quote in part for quote in '"\\'):
            raise ArtifactError(f"{target!r} is no path of a tensor; save the network again")
    return target


def _output(target: str) -> str:
    if target != "output":
        raise ArtifactError(f"{target!r} is no output of a stage; save the network again")
    return target


_CHECKED: dict[str, Callable[[str], Any]] = {
    "placeholder": _identifier,
    "get_attr": _path,
    "call_function": target_named,
    "output": _output,
}
