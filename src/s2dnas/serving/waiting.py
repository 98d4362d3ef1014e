"""The requests that wait for their batch, and which of them go together."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass

from s2dnas.arrays import Images
from s2dnas.serving.served import ServedAnswers


@dataclass(frozen=True, eq=False)
class Waiting:
    """A request that was accepted: its images, its operating point, its deadline on the server's clock."""

    images: Images
    point: str
    deadline: float
    future: "Future[ServedAnswers]"

    def __len__(self) -> int:
        return len(self.images)


class WaitingLine:
    """Requests in the order in which they came. ``images`` is how many wait."""

    def __init__(self) -> None:
        self._line: deque[Waiting] = deque()
        self.images = 0

    def __bool__(self) -> bool:
        return bool(self._line)

    def add(self, request: Waiting) -> None:
        """Put a request at the end."""
        self._line.append(request)
        self.images += len(request)

    def take(self, most: int) -> list[Waiting]:
        """The oldest request and those of its operating point that follow, until ``most`` images are together.

        None of the same point is overtaken, and the oldest goes first, so nobody waits for ever.
        """
        taken, room = [self._line[0]], most - len(self._line[0])
        for request in list(self._line)[1:]:
            if request.point == taken[0].point:
                if len(request) > room:
                    break
                taken.append(request)
                room -= len(request)
        self._leave(taken)
        return taken

    def take_late(self, now: float) -> list[Waiting]:
        """The requests whose deadline has passed, or that nobody waits for any more."""
        late = [request for request in self._line if request.deadline <= now or request.future.cancelled()]
        if late:
            self._leave(late)
        return late

    def _leave(self, requests: Iterable[Waiting]) -> None:
        gone = set(map(id, requests))
        self._line = deque(request for request in self._line if id(request) not in gone)
        self.images = sum(map(len, self._line))
