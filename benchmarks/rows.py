"""A JSON file of results that grows row by row."""

from pathlib import Path
from typing import Any

from s2dnas.artifacts import read_json, write_json


def add(path: Path, kind: str, row: dict[str, Any], same: tuple[str, ...], **head: Any) -> None:
    """Put a row into the file, which begins with ``head``; the row that has the ``same`` values is replaced."""
    rows = read_json(path, kind)["rows"] if path.exists() else []
    rows = [other for other in rows if any(other[key] != row[key] for key in same)] + [row]
    write_json(path, kind, {**head, "rows": rows})
