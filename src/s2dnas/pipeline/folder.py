"""The folder of a run: where a step leaves what it made, and where the next one finds it."""

from dataclasses import dataclass
from pathlib import Path

from s2dnas.errors import ArtifactError

CHECKPOINT = "checkpoint.safetensors"
"""The state of a training, in the folder of its step."""


@dataclass(frozen=True)
class RunFolder:
    """The folder at ``path``; it need not exist yet."""

    path: Path

    def checkpoint(self, step: str) -> Path:
        """Where the training of a step keeps its state."""
        return self.path / step / CHECKPOINT

    @property
    def latencies(self) -> Path:
        """Where a run keeps the latency table that it was started with, if there is one."""
        return self.path / "latency.json"

    def trained(self, step: str) -> Path:
        """The checkpoint of a training that has begun. Raises ArtifactError if there is none."""
        return self.finished(f"{step}/{CHECKPOINT}")

    def finished(self, name: str) -> Path:
        """The path of a file that an earlier step wrote. Raises ArtifactError if it is not there."""
        path = self.path / name
        if not path.exists():
            raise ArtifactError(f"{path} is missing: the step that writes it has not run; 's2dnas resume' runs all")
        return path
