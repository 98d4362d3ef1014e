"""Why a server does not answer a request."""

from s2dnas.errors import DataError, S2dnasError


class BusyError(S2dnasError):
    """The queue is full, the answer would come too late, or the server stops; try again in ``retry_after`` seconds."""

    def __init__(self, reason: str, retry_after: float) -> None:
        super().__init__(f"{reason}; try again in {retry_after:.3g} s")
        self.retry_after = retry_after


class DeadlineError(S2dnasError):
    """The deadline of an accepted request has passed before its answer was there."""


class RequestError(DataError):
    """The request cannot be answered, whenever it is sent; ``status`` is what HTTP calls it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
