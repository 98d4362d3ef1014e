"""Networks made by a function in the user's own file."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from s2dnas.errors import ModelError, nearest


def build_from_file(file: str, function: str, num_classes: int, in_channels: int) -> nn.Module:
    """What ``function`` of ``file`` returns when called with ``num_classes`` and ``in_channels``, if it accepts them.

    The file may import its neighbours. Raises ModelError if the file or the function is missing, either raises, or the
    result is no ``nn.Module``.
    """
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise ModelError(f"{file} does not exist; give FILE.py:FUNCTION with the path of an existing file")
    try:
        with _importable(path.parent):
            module = _execute(path)
            build = _function(module, function, file)
            model = build(**_accepted(build, num_classes=num_classes, in_channels=in_channels))
    except ModelError:
        raise
    # The user's code may raise anything.
    except Exception as error:
        raise ModelError(f"{file}:{function} raised {type(error).__name__}: {error}; mend that function") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{file}:{function} returned a {type(model).__name__}; return a torch.nn.Module")
    return model


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _execute(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"s2dnas_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path} cannot be imported; give a file of Python code")
    module = module_from_spec(spec)
    # Dataclasses and torch.export look up the module that a class comes from.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _function(module: ModuleType, name: str, file: str) -> Callable[..., object]:
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ModelError(f"{file} has no function {name!r}{nearest(name, known)}")
    return function  # type: ignore[no-any-return]


def _accepted(function: Callable[..., object], **arguments: int) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(arguments)
    return {name: value for name, value in arguments.items() if name in parameters}
