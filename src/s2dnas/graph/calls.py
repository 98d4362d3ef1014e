"""How to read one call of a captured graph: its operator, its arguments, and the module that made it."""

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import fx

from s2dnas.errors import ModelError, S2dnasError

_TORCH = str(Path(torch.__file__).parent)


def operator_name(node: fx.Node) -> str:
    """``aten.conv2d`` for a call of ``torch.ops.aten.conv2d.default``."""
    target: Any = node.target
    if isinstance(target, torch._ops.OpOverload):
        return f"{target.namespace}.{target._schema.name.split('::')[1]}"
    return str(getattr(target, "__name__", target))


def argument_names(node: fx.Node) -> list[str]:
    """The names of an operator's arguments in the order of its schema, or of a function's signature."""
    if (schema := getattr(node.target, "_schema", None)) is not None:
        return [argument.name for argument in schema.arguments]
    return list(inspect.signature(node.target).parameters) if inspect.isfunction(node.target) else []


def mode_argument(node: fx.Node) -> int | None:
    """The position of a call's argument that says whether the network is training, None if it has none."""
    names = argument_names(node)
    return next((names.index(name) for name in ("training", "train") if name in names), None)


def argument(node: fx.Node, name: str, default: Any = None) -> Any:
    """An argument of a call by its name in the operator's schema, ``default`` if it is not given."""
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


def source_line(node: fx.Node) -> str:
    """``path/net.py:12``, the innermost line of a forward outside PyTorch that made a call; "" where unknown."""
    lines = re.findall(r'File "(.+)", line (\d+)', node.meta.get("stack_trace") or "")
    own = [f"{path}:{line}" for path, line in lines if not path.startswith(_TORCH)]
    return own[-1] if own else ""


def failure(error: Exception) -> str:
    """What an unexpected exception says, in one short line."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
    return f"{type(error).__name__}: {first[:300]}"


@contextmanager
def blaming(node: fx.Node, problem: str, way_out: str) -> Iterator[None]:
    """A context in which any exception becomes a ModelError that names the call: its module, operator and line."""
    try:
        yield
    except S2dnasError:
        raise
    except Exception as error:  # operators, and rules for them, may raise anything
        place = module_path(node) or "forward"
        line = f" ({line})" if (line := source_line(node)) else ""
        raise ModelError(f"{place}{line}: {operator_name(node)} {problem} ({failure(error)}); {way_out}") from error
