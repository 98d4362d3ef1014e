"""Bodies of requests, read within limits of size, of time, and of what all of them hold together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from s2dnas.serving.refusals import BusyError, RequestError


class Bodies:
    """Each has at most ``most`` bytes and arrives within ``seconds``; those held at one time have at most ``room``."""

    def __init__(self, most: int, room: int, seconds: float) -> None:
        self._most, self._room, self._seconds = most, room, seconds
        self._held = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, which counts as held until the block ends.

        Raises RequestError if it is too large, slow, cut off or compressed, BusyError if there is no room for it.
        """
        if (coding := request.headers.get("content-encoding", "identity")) != "identity":
            raise RequestError(f"bodies are taken as they are, not in the coding {coding!r}", 415)
        self._refuse(_length(request))
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.stream():
                    chunks.append(chunk)
                    self._held += len(chunk)
                    self._refuse(0, sum(map(len, chunks)))
            yield b"".join(chunks)
        except ClientDisconnect as error:
            raise RequestError("the client has gone before the body was there") from error
        finally:
            self._held -= sum(map(len, chunks))

    def _refuse(self, coming: int, size: int = 0) -> None:
        if max(coming, size) > self._most:
            raise RequestError(f"the body is larger than {self._most} bytes; send fewer images, or binary tensors", 413)
        if self._held + coming > self._room:
            raise BusyError(f"bodies of {self._held} bytes are held, there is no room for another", 1.0)


def _length(request: Request) -> int:
    given = request.headers.get("content-length", "0")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0
