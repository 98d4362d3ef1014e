"""Turn a trained static CNN into a dynamic network: easy inputs leave early, hard ones go on.

What most programs need is here by name, as listed in ``__init__.pyi``; a module is imported when its name is first
used, so that ``import s2dnas`` costs nothing.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

from s2dnas.version import __version__ as __version__


def _homes() -> dict[str, str]:
    """The module of each public name, read from the stub that tells type checkers the same."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


_HOMES = _homes()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
