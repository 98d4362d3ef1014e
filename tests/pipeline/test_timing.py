"""The times of a run are a file like others."""

from pathlib import Path

import pytest

from s2dnas.artifacts import write_json
from s2dnas.errors import ArtifactError
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.timing import read_times


def test_a_damaged_file_of_times_is_said_to_be_one(tmp_path: Path) -> None:
    write_json(tmp_path / "times.json", "times", {"engine": "onnxruntime", "processor": "p", "threads": 0, "times": []})
    with pytest.raises(ArtifactError, match=r"times\.json is not a record of times \(threads: "):
        read_times(RunFolder(tmp_path))
