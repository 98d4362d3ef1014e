"""What a session answers."""

from dataclasses import dataclass

from s2dnas.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class SessionAnswers:
    """Per image (N,): ``labels``, the ``stages`` (from 0) that gave them, their ``scores`` in [0, 1] and ``macs``."""

    labels: IntArray
    stages: IntArray
    scores: FloatArray
    macs: FloatArray

    def __len__(self) -> int:
        return len(self.labels)
