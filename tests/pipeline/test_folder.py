"""A run folder says where things are, and which step is missing."""

from pathlib import Path

import pytest

from s2dnas.errors import ArtifactError
from s2dnas.pipeline.folder import RunFolder


def test_a_checkpoint_is_in_the_folder_of_its_step(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(ArtifactError, match="train"):
        folder.trained("train")
    folder.checkpoint("train").parent.mkdir()
    folder.checkpoint("train").touch()
    assert folder.trained("train") == folder.checkpoint("train")
    assert folder.checkpoint("train") != folder.checkpoint("static")


def test_what_no_step_wrote_yet_is_named_with_the_way_on(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"plan\.json is missing.*s2dnas resume"):
        RunFolder(tmp_path).finished("plan.json")
    (tmp_path / "plan.json").touch()
    assert RunFolder(tmp_path).finished("plan.json") == tmp_path / "plan.json"
