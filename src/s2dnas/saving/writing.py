"""Save a network of several stages with all that is needed to use it."""

import hashlib
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from s2dnas.artifacts import replacing, write_json
from s2dnas.errors import SettingsError
from s2dnas.exits import ExitRule
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE
from s2dnas.network.info import NetworkInfo
from s2dnas.saving.document import (
    KIND,
    NETWORK_FILE,
    STATIC_FOLDER,
    InfoRecord,
    ProgramRecord,
    SavedNetwork,
    StageRecord,
    WeightsRecord,
    digest_of,
)
from s2dnas.saving.fitting import image_dtype, refuse_unfit
from s2dnas.saving.tensors import dtype_name, record, stage_tensors, to_bytes
from s2dnas.staged.build import MultiStageNet
from s2dnas.staged.codec import graph_to_plain
from s2dnas.staged.stage import Stage
from s2dnas.version import __version__

_log = logging.getLogger(__name__)

ONLY_POINT = "default"
"""The name of an operating point that was given none."""


def save(
    network: MultiStageNet,
    rules: ExitRule | Mapping[str, ExitRule],
    folder: Path | str,
    *,
    class_names: Sequence[str] | None = None,
    normalisation: tuple[Sequence[float], Sequence[float]] | None = None,
    static: MultiStageNet | None = None,
) -> None:
    """Write a network and its exit rules, by operating point, into a folder that ``load`` reads anywhere.

    ``static`` is the network that was divided (``Network.static``), for whoever compares the two; it is saved in the
    folder ``static`` within. ``class_names`` (K,) and ``normalisation``, mean and std (C,) of pixel values from 0 to 1,
    are kept beside it where they are given; otherwise those of ``network.info`` are. What the folder held stays
    readable until all is written.

    Raises SettingsError if something given does not fit the network or ``folder`` is a file, ModelError if a call has
    no name to be saved by, ArtifactError if the network does not run on images of its shape.
    """
    stages, folder = _stages(network), Path(folder)
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder} is a file; give the path of a folder")
    points = by_point(rules)
    refuse_rules_of_others(points, network.num_stages)
    info = _with_data(network.info, class_names, normalisation)
    refuse_unfit(network, image_dtype(stages))
    weights = to_bytes(stages)
    digest = hashlib.sha256(weights).hexdigest()
    file = WeightsRecord(file=f"weights-{digest[:16]}.safetensors", sha256=digest)
    document = _document(info, points, file, _program(network, stages))
    with replacing(folder / file.file) as temporary:
        temporary.write_bytes(weights)
    _save_static(static, folder, info)
    write_json(folder / NETWORK_FILE, KIND, document)
    _sweep(folder, file.file)
    _log.info("saved to %s: %d stages, %.1f MB", folder, network.num_stages, len(weights) / 1e6)


def _document(
    info: NetworkInfo, points: Mapping[str, ExitRule], weights: WeightsRecord, program: ProgramRecord
) -> dict[str, Any]:
    document = SavedNetwork(
        versions={"s2dnas": __version__, "torch": str(torch.__version__)},
        info=InfoRecord.of(info),
        rules={name: rule.to_dict() for name, rule in points.items()},
        weights=weights,
        program=program,
        sha256="0" * 64,
    ).model_dump(mode="json")
    return document | {"sha256": digest_of(document)}


def _stages(network: MultiStageNet) -> list[Stage]:
    if not isinstance(network, MultiStageNet):
        raise SettingsError(f"a {type(network).__name__} has no stages to save; build the network of its plan first")
    stages = [stage for stage in network.stages if isinstance(stage, Stage)]
    if len(stages) < network.num_stages:
        kinds = ", ".join(type(stage).__name__ for stage in network.stages)
        raise SettingsError(f"the stages are {kinds}: others than were built; save the network before it is wrapped")
    return stages


def _program(network: MultiStageNet, stages: Sequence[Stage]) -> ProgramRecord:
    return ProgramRecord(
        stages=tuple(
            StageRecord(
                nodes=tuple(graph_to_plain(stage.graph)),
                tensors={name: record(tensor) for name, tensor in stage_tensors(stage).items()},
            )
            for stage in stages
        ),
        takes=network.takes,
        accumulate_logits=network.accumulate_logits,
        image_dtype=dtype_name(image_dtype(stages)),
    )


def _with_data(
    info: NetworkInfo,
    class_names: Sequence[str] | None,
    normalisation: tuple[Sequence[float], Sequence[float]] | None,
) -> NetworkInfo:
    if class_names is not None:
        info = replace(info, class_names=tuple(class_names))
    if normalisation is not None:
        mean, std = (tuple(map(float, values)) for values in normalisation)
        info = replace(info, normalisation=(mean, std))
    return info


def by_point(rules: ExitRule | Mapping[str, ExitRule]) -> dict[str, ExitRule]:
    """Rules by operating point; one alone is called ``ONLY_POINT``."""
    return {ONLY_POINT: rules} if isinstance(rules, ExitRule) else dict(rules)


def refuse_rules_of_others(points: Mapping[str, ExitRule], num_stages: int) -> None:
    """Raise SettingsError, which names the rule, unless all are made for that many stages."""
    for name, rule in points.items():
        if rule.num_stages != num_stages:
            raise SettingsError(
                f"the exit rule {name!r} has {rule.num_stages} stages, the network {num_stages}; calibrate it again"
            )


def _save_static(static: MultiStageNet | None, folder: Path, info: NetworkInfo) -> None:
    """Before the document is written, so that a folder whose save was killed has the static network of the other."""
    if static is None:
        shutil.rmtree(folder / STATIC_FOLDER, ignore_errors=True)
        return
    one = {ONLY_POINT: ExitRule(DEFAULT_CONFIDENCE, ())}
    save(static, one, folder / STATIC_FOLDER, class_names=info.class_names, normalisation=info.normalisation)


def _sweep(folder: Path, current: str) -> None:
    """Remove weights that no document names any more, and what a killed save has left."""
    for pattern in ("weights-*.safetensors", ".weights-*.part", f".{NETWORK_FILE}.*.part"):
        for path in folder.glob(pattern):
            if path.name != current:
                path.unlink(missing_ok=True)
