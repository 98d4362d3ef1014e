"""What the check of a bundle found: how far its logits are from PyTorch's, and which images it answers otherwise."""

from dataclasses import asdict, dataclass
from typing import Any

LOGITS_TOLERANCE = 1e-4
ROUNDING = 1e-5
MOST_TIES = 0.01


@dataclass(frozen=True)
class Difference:
    """An image, counted from 0, that is answered otherwise: ``stages``, from 0, and ``labels``, first those of PyTorch.

    ``distance`` says how little would have to change, in PyTorch's scores: how far the score of the stage that only one
    of the two left at is from its threshold; where the stage is the same, how far the probabilities of both labels are
    from each other.
    """

    image: int
    stages: tuple[int, int]
    labels: tuple[int, int]
    distance: float


@dataclass(frozen=True)
class AnswerCheck:
    """The answers of a ``part`` of the bundle, its stages in a session or its single file, at an operating point."""

    part: str
    point: str
    differences: tuple[Difference, ...]

    @property
    def other_exits(self) -> int:
        """How many images left after another stage."""
        return sum(found.stages[0] != found.stages[1] for found in self.differences)

    @property
    def other_answers(self) -> int:
        """How many images got another label."""
        return sum(found.labels[0] != found.labels[1] for found in self.differences)

    @property
    def furthest(self) -> float:
        """The largest distance of a difference, 0 if there is none."""
        return max((found.distance for found in self.differences), default=0.0)


@dataclass(frozen=True)
class BundleCheck:
    """A bundle against the PyTorch network on some images.

    ``stage_errors`` (S,) are the largest differences of logits, each a share of their spread: the most that a logit of
    the stage varies between images. ``single_error`` is that of the single file, None without one. An answer may differ
    only within ``rounding`` of a score, and on no more than a share of ``MOST_TIES``, or one, of the images: more ties
    prove nothing. Errors are infinite where only one of the two is finite, or the images make no difference.
    """

    images: int
    stage_errors: tuple[float, ...]
    single_error: float | None
    answers: tuple[AnswerCheck, ...]
    tolerance: float = LOGITS_TOLERANCE
    rounding: float = ROUNDING

    @property
    def passed(self) -> bool:
        """Whether logits are close and, but for rounding, every image leaves at the same stage with the same label."""
        return not self.faults

    @property
    def faults(self) -> list[str]:
        """What is wrong, a sentence each."""
        errors = {f"stage {index + 1}": error for index, error in enumerate(self.stage_errors)}
        if self.single_error is not None:
            errors["the single file"] = self.single_error
        wrong = [
            f"the logits of {part} deviate by {error:.1e} of their spread"
            for part, error in errors.items()
            if not error <= self.tolerance
        ]
        return wrong + [fault for check in self.answers for fault in self._answer_faults(check)]

    def _answer_faults(self, check: AnswerCheck) -> list[str]:
        what = f"{check.part}, {check.point}"
        if far := sum(not found.distance <= self.rounding for found in check.differences):
            return [
                f"{what}: {far} images leave after another stage or with another answer, "
                f"up to {check.furthest:.1e} from where it would be the same"
            ]
        if (ties := len(check.differences)) > max(1, MOST_TIES * self.images):
            return [
                f"{what}: {ties} images are too near to a tie to tell what is right; give others, or other thresholds"
            ]
        return []

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as JSON holds them."""
        return {"passed": self.passed, "faults": self.faults, **asdict(self)}
