"""The public names are those of the stub, and each is what it says."""

import ast
from pathlib import Path

import pytest

import s2dnas

STUB = ast.parse((Path(s2dnas.__file__).parent / "__init__.pyi").read_text())
NAMES = {alias.name: node.module for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_stub_is_there(name: str) -> None:
    found = getattr(s2dnas, name)
    assert found.__name__ == name
    assert found.__module__ == NAMES[name]
    assert found.__doc__
    assert name in dir(s2dnas)


def test_there_are_no_others() -> None:
    assert {name for name in dir(s2dnas) if not name.startswith("_")} >= NAMES.keys()
    with pytest.raises(AttributeError, match="no attribute 'analyze'"):
        s2dnas.analyze  # type: ignore[attr-defined]  # noqa: B018
