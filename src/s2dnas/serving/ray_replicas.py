"""What runs in the processes of the Ray Serve application.

Samples that stay go from a replica of one stage to a replica of the next through Ray's object store; the ingress only
says where they are. Where a replica dies, the calls that it had and the values that it had put there are lost, and the
ingress starts those samples again, from the images that it keeps. If an ingress dies, whoever asked gets Ray's error.
"""

import asyncio
import io
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import S2dnasError
from s2dnas.runtime import Bundle, SessionAnswers
from s2dnas.runtime.image_check import checked_images
from s2dnas.serving.dispatcher import Dispatcher, DispatchLimits
from s2dnas.serving.stage_worker import StageValues, StageVerdict, StageWorker

if TYPE_CHECKING:
    import ray
    from ray.serve.handle import DeploymentHandle
    from starlette.requests import Request
    from starlette.responses import Response


class RayStage:
    """A replica of stage ``index``, from 0, which holds its program alone."""

    def __init__(self, folder: str, index: int, point: str | None) -> None:
        self._worker = StageWorker(Bundle.opened(folder), index, point)
        self._alone = asyncio.Lock()

    async def __call__(
        self, groups: "Sequence[StageValues | ray.ObjectRef[StageValues]]"
    ) -> "tuple[StageVerdict, ray.ObjectRef[StageValues] | None]":
        """The verdict on the samples of all groups, in order, and where the values of those that stay are."""
        import ray

        values = await asyncio.gather(*map(_fetched, groups))
        async with self._alone:
            verdict, staying = await asyncio.to_thread(self._worker, values)
        return verdict, ray.put(staying) if staying else None


async def _fetched(values: "StageValues | ray.ObjectRef[StageValues]") -> StageValues:
    return values if isinstance(values, Mapping) else await values


class RayIngress:
    """Takes requests, by handles or HTTP, and sends their samples through the ``stages`` (S,).

    Over HTTP a request is the content of an NPY file of images, float32 (N, C, H, W), normalised as in training; the
    answer is JSON: ``label``, ``score``, ``stage`` (from 1) and ``macs``, each N long; a score that is NaN is null.
    """

    def __init__(
        self,
        folder: str,
        stages: "Sequence[DeploymentHandle[Any]]",
        calls_at_once: Sequence[int],
        limits: DispatchLimits,
    ) -> None:
        from ray.exceptions import ObjectLostError, RayActorError

        self._manifest = Bundle.opened(folder).manifest
        macs = np.array([stage.macs for stage in self._manifest.stages])
        calls = [partial(_call, stage) for stage in stages]
        self._dispatcher = Dispatcher(calls, calls_at_once, macs, limits, (RayActorError, ObjectLostError))

    async def answer(self, images: npt.NDArray[np.float32]) -> SessionAnswers:
        """The answers for images (N, C, H, W). Raises DataError for images of another shape or type."""
        return await self._dispatcher.answer(checked_images(images, self._manifest))

    async def repeated(self) -> int:
        """How many images have had to start again here, because a replica had died."""
        return self._dispatcher.repeated

    async def __call__(self, request: "Request") -> "Response":
        """The response to a request over HTTP; 400 for what cannot be answered."""
        from starlette.responses import JSONResponse

        try:
            images = np.load(io.BytesIO(await request.body()), allow_pickle=False)
            return JSONResponse(_plain(await self.answer(images)))
        except (S2dnasError, ValueError, EOFError) as error:
            return JSONResponse({"error": str(error)}, 400)


async def _call(stage: "DeploymentHandle[Any]", groups: Sequence[Any]) -> Any:
    return await stage.remote(groups)


def _plain(answers: SessionAnswers) -> dict[str, list[Any]]:
    scores = [None if np.isnan(score) else score for score in answers.scores.tolist()]
    return {
        "label": answers.labels.tolist(),
        "score": scores,
        "stage": (answers.stages + 1).tolist(),
        "macs": answers.macs.tolist(),
    }
