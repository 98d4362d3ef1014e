"""What a network answers when it stops as soon as it is sure enough."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Answers:
    """Per image (N,), on the images' device: ``labels``, the ``stages`` (from 0) that gave them, their ``scores`` in
    [0, 1] and the ``macs`` that were spent on each. Scores have the images' dtype, macs are float64.
    """

    labels: Tensor
    stages: Tensor
    scores: Tensor
    macs: Tensor
