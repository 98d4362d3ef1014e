"""Arguments of calls as JSON holds them: what JSON has no word for is an object with one key, its kind."""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import torch
from torch import fx

from s2dnas.errors import ArtifactError, ModelError

_KINDS: dict[str, type] = {"dtype": torch.dtype, "memory_format": torch.memory_format, "layout": torch.layout}


def plain_argument(value: Any) -> Any:
    """An argument as plain values. Raises ModelError if it holds something that cannot be saved."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else {"float": repr(number)}
    if isinstance(value, tuple):
        return {"tuple": [plain_argument(part) for part in value]}
    if isinstance(value, list):
        return [plain_argument(part) for part in value]
    return _plain_object(value)


def _plain_object(value: Any) -> dict[str, str]:
    if isinstance(value, fx.Node):
        return {"node": value.name}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    for kind, of_kind in _KINDS.items():
        if isinstance(value, of_kind):
            return {kind: str(value).removeprefix("torch.")}
    raise ModelError(
        f"an argument of type {type(value).__name__} cannot be saved; numbers, strings, dtypes, devices, "
        "and lists of them can"
    )


def argument_from_plain(content: Any, nodes: Mapping[str, fx.Node]) -> Any:
    """The argument that ``plain_argument`` wrote; ``nodes`` holds the values so far, by name.

    Raises ArtifactError if it is something else.
    """
    if isinstance(content, list):
        return [argument_from_plain(part, nodes) for part in content]
    if not isinstance(content, dict):
        return content
    if len(content) != 1:
        raise ArtifactError(f"{content!r} is no argument of a call; save the network again")
    ((kind, value),) = content.items()
    if kind == "tuple" and isinstance(value, list):
        return tuple(argument_from_plain(part, nodes) for part in value)
    if kind == "node" and isinstance(value, str) and value in nodes:
        return nodes[value]
    return _object(kind, value)


def _object(kind: str, value: Any) -> Any:
    if kind == "float" and value in ("inf", "-inf", "nan"):
        return float(value)
    if kind in _KINDS and isinstance(value, str) and isinstance(found := getattr(torch, value, None), _KINDS[kind]):
        return found
    if kind == "device" and isinstance(value, str):
        try:
            return torch.device(value)
        except RuntimeError as error:
            raise ArtifactError(f"{value!r} is no device; save the network again") from error
    raise ArtifactError(f"{kind} {value!r} is no argument of a call; save the network again")
