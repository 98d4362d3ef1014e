"""A JSON file of results that grows row by row."""

from pathlib import Path
from typing import Any

from s2dnas.artifacts import read_json, write_json


def add(path: Path, kind: str, row: dict[str, Any], same: tuple[str, ...], **head: Any) -> None:
    """Put a row into the file, which gets ``head``; a row of the ``same`` values is replaced, the rest stays."""
    content = read_json(path, kind) if path.exists() else {"rows": []}
    rows = [other for other in content["rows"] if any(other[key] != row[key] for key in same)] + [row]
    write_json(path, kind, {**content, **head, "rows": rows})
