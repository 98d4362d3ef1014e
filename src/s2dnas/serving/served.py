"""What a server answers, and what gives the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from s2dnas.arrays import Images
from s2dnas.runtime import SessionAnswers


class Answerer(Protocol):
    """Gives the answers for a batch, from several threads at once; a session is one."""

    def __call__(self, images: Images, point: str, /, *, thresholds: Sequence[float]) -> SessionAnswers:
        """The answers for images, scored as the operating point says, at these thresholds (S - 1,)."""


@dataclass(frozen=True, eq=False)
class ServedAnswers:
    """The answers for a request, and how they were found: at ``point``, its thresholds lowered by a share ``relief``.

    ``thresholds`` (S - 1,) are those that were used.
    """

    answers: SessionAnswers
    point: str
    relief: float
    thresholds: tuple[float, ...]
