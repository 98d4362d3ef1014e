"""Open a run folder: a new one, whose start is checked before anything is written, or one that is there."""

import json
from pathlib import Path

from s2dnas.artifacts import read_json, write_json
from s2dnas.config import validated
from s2dnas.errors import ArtifactError
from s2dnas.pipeline.check import check
from s2dnas.pipeline.run import Run, Start, Watch, unwatched
from s2dnas.pipeline.settings import Settings


def open_run(folder: Path, start: Start | None, watch: Watch = unwatched) -> Run:
    """The run of a folder: a new one if ``start`` is given and none is there.

    Raises ArtifactError if there is none and ``start`` is None, or if the folder was started with something else, and
    whatever ``check`` raises.
    """
    path = folder / "run.json"
    if path.exists():
        return _found(path, start, watch)
    if start is None:
        raise ArtifactError(f"{folder} is not a run folder; start one with 's2dnas run MODEL DATA --out {folder}'")
    run = Run(folder, start, watch)
    check(run)
    write_json(path, "run", start.to_dict())
    return run


def _found(path: Path, start: Start | None, watch: Watch) -> Run:
    content = read_json(path, "run")
    try:
        found = Start(content["model"], content["data"], content["weights"], validated(content["settings"], Settings))
    except KeyError as error:
        raise ArtifactError(f"{path} lacks {error}; start a new run folder") from error
    if start is not None and start != found:
        old, new = json.dumps(found.to_dict()), json.dumps(start.to_dict())
        raise ArtifactError(
            f"{path.parent} was started with {old}, not with {new}; give another --out, or use 's2dnas resume'"
        )
    return Run(path.parent, found, watch)
