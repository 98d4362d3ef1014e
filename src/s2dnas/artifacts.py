"""Versioned files of a run folder: JSON documents, NPZ arrays and JSON-lines journals, written atomically.

A file is either the whole of what was written or what was there before: it is written beside its place and renamed.
A journal grows by whole lines; a last line that a kill cut short is dropped when it is read.
"""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from s2dnas.errors import ArtifactError
from s2dnas.records import Record, faults_of

VERSION = 1
RecordT = TypeVar("RecordT", bound=Record)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` if, and only if, the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, kind: str, content: Mapping[str, Any]) -> None:
    """Write a document of the given kind with the format's version."""
    document = {"format": f"s2dnas.{kind}", "version": VERSION, **content}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")


def read_json(path: Path, kind: str) -> dict[str, Any]:
    """The content of a document of the given kind.

    Raises ArtifactError if the file is missing, not JSON, of another kind or of another version.
    """
    try:
        document = json.loads(_existing(path).read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(
            f"{path} is not valid JSON ({error}); delete it and repeat the step that wrote it"
        ) from error
    if not isinstance(document, dict) or document.pop("format", None) != f"s2dnas.{kind}":
        raise ArtifactError(f"{path} is not a '{kind}' document of s2dnas; give the file that s2dnas wrote")
    if (version := document.pop("version", None)) != VERSION:
        raise ArtifactError(
            f"{path} has format version {version}, this s2dnas reads version {VERSION}; "
            "use the s2dnas that wrote it, or start a new run folder"
        )
    return cast(dict[str, Any], document)


def read_record(path: Path, kind: str, record: type[RecordT], what: str, way_out: str) -> RecordT:
    """A document of the given kind as a record. Raises ArtifactError as ``read_json``, and if it is not ``what`` it
    should be, such as "a report".
    """
    try:
        return record.model_validate(read_json(path, kind))
    except ValidationError as error:
        raise ArtifactError(f"{path} is not {what} ({'; '.join(faults_of(error))}); {way_out}") from error


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write named arrays as a compressed NPZ file (no pickled objects)."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The named arrays of an NPZ file. Raises ArtifactError if it is missing or damaged."""
    try:
        with np.load(_existing(path), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} is not a readable NPZ file ({error}); repeat the step that wrote it") from error


def append_line(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one JSON object to a journal; it is on disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(entry, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole entries of a journal, none if there is no file. A last line cut short is removed from the file."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with replacing(path) as temporary:
            temporary.write_bytes(whole)
    try:
        return [json.loads(line) for line in whole.decode().splitlines()]
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(
            f"{path} holds a line that is not JSON ({error}); delete the file to start that step anew"
        ) from error


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ArtifactError(f"{path} does not exist; run the step that writes it first")
    return path
