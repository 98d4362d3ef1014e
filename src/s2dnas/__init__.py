"""Turn a trained static CNN into a dynamic network: easy inputs leave early, hard ones go on.

What most programs need is here by name, as listed in ``__init__.pyi``; a module is imported when its name is first
used, so that ``import s2dnas`` costs nothing.
"""

from importlib import import_module

from s2dnas.version import __version__ as __version__


def _homes() -> dict[str, str]:
    """The module of each public name, read from the lines ``from MODULE import NAME as NAME`` of the stub."""
    with open(f"{__file__.removesuffix('.py')}.pyi", encoding="utf-8") as stub:
        words = [line.split() for line in stub if line.startswith("from ")]
    return {name: module for _, module, _, name, *_ in words}


_HOMES = _homes()


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
