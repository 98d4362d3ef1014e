"""A bundle behind a real socket, in this process."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from s2dnas.runtime import Bundle
from s2dnas.serving.http.app import ServingApp
from s2dnas.serving.limits import ServingLimits
from s2dnas.serving.served import Answerer

MODEL = "/v2/models/net"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    port: int

    @property
    def url(self) -> str:
        """For a browser."""
        return f"http://127.0.0.1:{self.port}"

    def send(self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """GET a path, or POST a body to it, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET" if body is None else "POST", path, body, dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def infer(self, request: Mapping[str, Any]) -> Reply:
        """POST a request in JSON."""
        return self.send(f"{MODEL}/infer", json.dumps(request).encode())


@contextmanager
def serving(bundle: Bundle, answer: Answerer, **limits: Any) -> Iterator[Address]:
    """A server that runs until the block ends; then it answers what it accepted."""
    app = ServingApp(bundle, answer, name="net", limits=ServingLimits(**limits)).application
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=30))
        ready = threading.Event()
        startup = server.startup

        async def started(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets)
            ready.set()

        server.startup = started  # type: ignore[method-assign]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert ready.wait(30)
        try:
            yield Address(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()
