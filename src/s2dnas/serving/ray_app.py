"""A bundle on many machines: a Ray Serve application with a deployment per stage, and an ingress before them."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from s2dnas.errors import SettingsError
from s2dnas.extras import require_extra
from s2dnas.records import Record
from s2dnas.runtime import Bundle
from s2dnas.runtime.manifest import Manifest
from s2dnas.serving.dispatcher import DispatchLimits
from s2dnas.serving.ray_replicas import RayIngress, RayStage
from s2dnas.serving.replicas import image_costs, plan_replicas

if TYPE_CHECKING:
    from ray import serve

_CALLS_PER_REPLICA = 2
"""While a replica runs one call, it fetches the values of the next."""

_REQUESTS_PER_INGRESS = 1024
"""More wait where they come from."""


def application(
    bundle: Path | str,
    point: str | None = None,
    *,
    replicas: Sequence[int] | int | None = None,
    reach: Sequence[float] | None = None,
    ingresses: int = 1,
    cpus: float = 1.0,
    limits: DispatchLimits | None = None,
) -> "serve.Application":
    """An application for ``serve.run`` that answers at an operating point, by default the bundle's first.

    ``replicas`` are those of each stage (S,), one each by default, or how many there are in all, to be divided as
    ``plan_replicas`` does by ``reach`` (S,), the shares of all images that come to each stage. Ray sets ``cpus`` aside
    for each replica. The bundle's folder must have the same path on every machine.

    Handles call ``answer`` with images (N, C, H, W), normalised as in training, and get SessionAnswers; HTTP is as
    ``RayIngress`` says. Raises MissingExtraError without Ray, ArtifactError, or SettingsError for what does not fit.
    """
    opened, limits = Bundle.opened(bundle), DispatchLimits() if limits is None else limits
    opened.point(point)
    counts = _stage_replicas(opened.manifest, replicas, reach)
    if ingresses < 1:
        raise SettingsError(f"ingresses must be at least 1, not {ingresses}")
    folder = str(opened.folder.resolve())
    stages = [
        _deployment(RayStage, f"stage_{index + 1}", count, _CALLS_PER_REPLICA, cpus).bind(folder, index, point)
        for index, count in enumerate(counts)
    ]
    calls_at_once = [ceil(_CALLS_PER_REPLICA * count / ingresses) for count in counts]
    ingress = _deployment(RayIngress, "ingress", ingresses, _REQUESTS_PER_INGRESS, cpus)
    return ingress.bind(folder, stages, calls_at_once, limits)


def _deployment(replica: type, name: str, replicas: int, at_once: int, cpus: float) -> "serve.Deployment":
    require_extra("ray")
    from ray import serve

    return serve.deployment(
        replica,
        name=name,
        num_replicas=replicas,
        max_ongoing_requests=at_once,
        logging_config={"enable_access_log": False},
        ray_actor_options={"num_cpus": cpus},
    )


def _stage_replicas(
    manifest: Manifest, replicas: Sequence[int] | int | None, reach: Sequence[float] | None
) -> tuple[int, ...]:
    if isinstance(replicas, int):
        if reach is None:
            raise SettingsError(f"{replicas} replicas in all are divided by reach; give the share that reaches a stage")
        return plan_replicas(image_costs(manifest), reach, replicas)
    if reach is not None:
        raise SettingsError("reach divides replicas in all; give replicas as one number, or leave reach out")
    stages = len(manifest.stages)
    counts = (1,) * stages if replicas is None else tuple(replicas)
    if len(counts) != stages or min(counts) < 1:
        raise SettingsError(f"replicas must be a number of at least 1 for each of {stages} stages, not {counts}")
    return counts


def _split(text: Any) -> Any:
    return text.split(",") if isinstance(text, str) and "," in text else text


class RayArguments(Record):
    """What ``serve run`` takes; lists are divided by commas."""

    bundle: Path
    point: str | None = None
    replicas: Annotated[int | tuple[int, ...] | None, BeforeValidator(_split)] = None
    reach: Annotated[tuple[float, ...] | None, BeforeValidator(_split)] = None
    ingresses: int = 1
    cpus: float = 1.0
    batch: int = DispatchLimits.batch


def from_arguments(arguments: RayArguments) -> "serve.Application":
    """The application, for ``serve run s2dnas.serving.ray_app:from_arguments bundle=FOLDER replicas=4,2,1``."""
    given = dict(arguments)
    limits = DispatchLimits(batch=given.pop("batch"))
    return application(given.pop("bundle"), limits=limits, **given)
