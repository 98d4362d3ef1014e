"""Documents of saved networks, changed by hand, and how loading them ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from s2dnas.errors import ArtifactError
from s2dnas.saving.document import NETWORK_FILE, digest_of
from s2dnas.saving.loading import load

Document = dict[str, Any]
Change = Callable[[Document], None]


def rewrite(folder: Path, change: Change, *, checksum: bool) -> None:
    """Change the document, and give it the checksum of the changed one if that is to be trusted."""
    path = folder / NETWORK_FILE
    document = json.loads(path.read_text())
    change(document)
    if checksum:
        content = {key: value for key, value in document.items() if key not in ("format", "version")}
        document["sha256"] = digest_of(content)
    path.write_text(json.dumps(document))


def refused(folder: Path, file: str, message: str, kind: type[Exception] = ArtifactError) -> None:
    """Loading a folder is refused with a message that names the file."""
    with pytest.raises(kind, match=message) as raised:
        load(folder)
    assert file in str(raised.value)


def nodes(document: Document) -> list[dict[str, Any]]:
    """The nodes of the first stage."""
    found: list[dict[str, Any]] = document["program"]["stages"][0]["nodes"]
    return found


def call(document: Document, name: str) -> dict[str, Any]:
    """The first call of a function in the first stage."""
    return next(node for node in nodes(document) if node["target"] == name)
