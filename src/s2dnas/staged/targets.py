"""The names of what a stage may call: a closed list, so that a file can name nothing else."""

import math
import operator
import re
from collections.abc import Callable
from typing import Any

import torch
from torch._ops import OpOverload

from s2dnas.errors import ArtifactError, ModelError
from s2dnas.graph.convolutions import swapped, transposed_conv
from s2dnas.graph.rewrite import reorder
from s2dnas.staged.devices import device_of

_OPERATORS = (
    *("abs", "add", "and_", "eq", "floordiv", "ge", "getitem", "gt", "le", "lshift", "lt", "mod", "mul", "ne", "neg"),
    *("not_", "or_", "pos", "pow", "rshift", "sub", "truediv", "xor"),
)
_ON_SIZES = ("sym_float", "sym_int", "sym_ite", "sym_max", "sym_min", "sym_not")
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f"operator.{name}": getattr(operator, name) for name in _OPERATORS},
    **{f"math.{name}": getattr(math, name) for name in ("ceil", "floor", "trunc")},
    "builtins.round": round,
    **{f"torch.{name}": getattr(torch, name) for name in _ON_SIZES},
    **{f"s2dnas.{function.__name__}": function for function in (device_of, reorder, swapped, transposed_conv)},
}
_NAMES = {function: name for name, function in _FUNCTIONS.items()}

_OVERLOAD = re.compile(r"([A-Za-z_]\w*)\.(\w+)\.(\w+)", re.ASCII)


def target_name(target: Any) -> str:
    """``aten.conv2d.default`` for an operator of ``torch.ops``, ``operator.mul`` for a function of the list.

    Raises ModelError for any other target.
    """
    if isinstance(target, OpOverload):
        _refuse_files(target)
        return str(target)
    if target not in _NAMES:
        raise ModelError(
            f"a call of {target!r} cannot be saved; make it an operator of torch.library, which has a name of its own"
        )
    return _NAMES[target]


def target_named(name: str) -> Callable[..., Any]:
    """The target that ``target_name`` gave this name.

    Raises ModelError if it belongs to a library of operators that is not there, ArtifactError if it is no such name.
    """
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    if (match := _OVERLOAD.fullmatch(name)) is None:
        raise ArtifactError(f"{name!r} is nothing that a stage can call; save the network again")
    namespace, operation, overload = match.groups()
    found = getattr(getattr(getattr(torch.ops, namespace, None), operation, None), overload, None)
    if not isinstance(found, OpOverload) or str(found) != name:
        raise ModelError(
            f"the operator {name} is not there; import the library that registers '{namespace}::{operation}' first, "
            f"or use the PyTorch that the network was saved with (this is {torch.__version__})"
        )
    _refuse_files(found)
    return found


def _refuse_files(overload: OpOverload) -> None:
    if any(argument.name == "filename" for argument in overload._schema.arguments):
        raise ModelError(f"the operator {overload} reads or writes files, which a network has no need of; leave it out")
