"""A bundle behind the Open Inference Protocol v2, with metrics and a page to try it, as an ASGI application."""

import asyncio
import json
import logging
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from s2dnas.arrays import Images
from s2dnas.errors import S2dnasError, SettingsError
from s2dnas.runtime import Bundle
from s2dnas.serving.batcher import Batcher
from s2dnas.serving.http.bodies import Bodies
from s2dnas.serving.http.metrics import ServingMetrics
from s2dnas.serving.http.openapi import MOST_FILE, openapi
from s2dnas.serving.limits import ServingLimits
from s2dnas.serving.picture import picture
from s2dnas.serving.protocol import parse_request
from s2dnas.serving.refusals import BusyError, DeadlineError, RequestError
from s2dnas.serving.responses import metadata, response
from s2dnas.serving.served import Answerer, ServedAnswers
from s2dnas.version import __version__

_log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
_HEADER = "Inference-Header-Content-Length"
_JSON_BYTES = 32
"""For a number in JSON; a float needs at most 25."""


class ServingApp:
    """The endpoints of one bundle. ``application`` is what an ASGI server runs; workers live as long as it does.

    Raises SettingsError for a name that cannot be part of a URL.
    """

    def __init__(self, bundle: Bundle, answer: Answerer, *, name: str, limits: ServingLimits) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise SettingsError(f"the name of a model has letters, digits, '_', '.' and '-', not {name!r}")
        self._manifest, self._answer, self._name, self._limits = bundle.manifest, answer, name, limits
        numbers = math.prod(self._manifest.image_shape)
        most = max(2**16 + limits.batch * numbers * _JSON_BYTES, MOST_FILE)
        self._bodies = Bodies(most, max(2 * most, 4 * 4 * numbers * limits.queue), limits.deadline)
        self._metrics = ServingMetrics(len(self._manifest.stages), lambda: self._batcher.waiting)
        self.application = Starlette(
            routes=self._routes(), lifespan=self._lifespan, exception_handlers={HTTPException: _no_such_thing}
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        points = {name: point.thresholds for name, point in self._manifest.points.items()}
        self._batcher = Batcher(self._answer, points, self._limits)
        yield
        await asyncio.to_thread(self._batcher.close)

    def _routes(self) -> list[Route]:
        model, about = f"/v2/models/{self._name}", metadata(self._name, self._manifest)
        server = {"name": "s2dnas", "version": __version__, "extensions": ["binary_tensor_data"]}
        page = (files("s2dnas.serving.http") / "page.html").read_text("utf-8")
        shown = {**about, "points": list(self._manifest.points), "files": self._manifest.normalisation is not None}
        page = page.replace("null/*MODEL*/", json.dumps(shown).replace("<", "\\u003c"))
        documents = {
            "/": lambda: HTMLResponse(page),
            "/metrics": lambda: Response(self._metrics.text(), media_type="text/plain; version=0.0.4"),
            "/openapi.json": lambda: JSONResponse(openapi(self._name, self._manifest, self._limits)),
            "/v2": lambda: JSONResponse(server),
            "/v2/health/live": lambda: JSONResponse({"live": True}),
            "/v2/health/ready": lambda: JSONResponse({"ready": True}),
            model: lambda: JSONResponse(about),
            f"{model}/ready": lambda: JSONResponse({"name": self._name, "ready": True}),
        }
        return [
            Route(f"{model}/infer", self._counted(self._infer), methods=["POST"]),
            *(Route(path, _document(make)) for path, make in documents.items()),
            Route("/picture", self._counted(self._picture), methods=["POST"]),
        ]

    async def _infer(self, request: Request) -> Response:
        start = self._batcher.clock()
        self._batcher.refuse_if_full()
        async with self._bodies.read(request) as body:
            asked = parse_request(body, _json_length(request), self._manifest, self._limits.batch)
            deadline = start + (self._limits.deadline if asked.deadline is None else asked.deadline)
            content, json_length = response(self._name, asked, await self._served(asked.images, asked.point, deadline))
        if json_length is None:
            return Response(content, media_type="application/json")
        return Response(content, media_type="application/octet-stream", headers={_HEADER: str(json_length)})

    async def _picture(self, request: Request) -> Response:
        start = self._batcher.clock()
        point = request.query_params.get("point", next(iter(self._manifest.points)))
        self._batcher.refuse_if_full()
        async with self._bodies.read(request) as body:
            if len(body) > MOST_FILE:
                raise RequestError(f"the file is larger than {MOST_FILE} bytes; send a smaller one", 413)
            images = await asyncio.to_thread(picture, body, self._manifest)
        decoded = self._batcher.clock()
        served = await self._served(images, point, start + self._limits.deadline)
        (label,), (stage,) = served.answers.labels.tolist(), served.answers.stages.tolist()
        names = self._manifest.class_names
        found = {
            "class": names[label] if names else str(label),
            "label": label,
            "score": float(served.answers.scores[0]),
            "stage": stage + 1,
            "stages": len(self._manifest.stages),
            "macs_share": float(served.answers.macs[0] / self._manifest.static_macs),
            "milliseconds": 1e3 * (self._batcher.clock() - decoded),
            "point": served.point,
            "relief": served.relief,
        }
        return JSONResponse(found)

    async def _served(self, images: Images, point: str, deadline: float) -> ServedAnswers:
        """What the batcher answers, and a DeadlineError as soon as the deadline has passed."""
        future = asyncio.wrap_future(self._batcher.submit(images, point, deadline))
        try:
            async with asyncio.timeout(deadline - self._batcher.clock()):
                served = await future
        except TimeoutError:
            raise DeadlineError("the deadline has passed before the answer was found") from None
        if not np.isfinite(served.answers.scores).all():
            raise RequestError("the network gives no finite score for an image; are its values normalised?", 422)
        self._metrics.answered(served.answers, served.point, served.relief)
        return served

    def _counted(self, endpoint: Endpoint) -> Endpoint:
        async def run(request: Request) -> Response:
            start = self._batcher.clock()
            try:
                given = await endpoint(request)
            except Exception as error:  # what is not ours to explain is logged, and the client learns that it is ours
                given = _refused(error)
            self._metrics.ended(given.status_code, self._batcher.clock() - start)
            return given

        return run


def _json_length(request: Request) -> int | None:
    given = request.headers.get(_HEADER)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 16):
        raise RequestError(f"{_HEADER} must be a number of bytes, not {given!r}")
    return int(given)


def _refused(error: Exception) -> Response:
    headers = {}
    match error:
        case BusyError():
            status, headers = 503, {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
        case DeadlineError():
            status = 504
        case RequestError():
            status = error.status
        case TimeoutError():
            return JSONResponse({"error": "the body did not arrive in time"}, 408)
        case S2dnasError():
            status = 422
        case _:
            _log.error("a request failed", exc_info=error)
            return JSONResponse({"error": "the server failed; its log says why"}, 500)
    return JSONResponse({"error": str(error)}, status, headers)


def _document(make: Callable[[], Response]) -> Endpoint:
    async def given(_: Request) -> Response:
        return make()

    return given


async def _no_such_thing(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
