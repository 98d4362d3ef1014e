"""What the document of a saved network holds."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from s2dnas.network.info import NetworkInfo
from s2dnas.records import Record
from s2dnas.space.plan import Plan

NETWORK_FILE = "network.json"
STATIC_FOLDER = "static"
KIND = "network"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Size = Annotated[int, Field(ge=0)]


class TensorRecord(Record):
    """A parameter or buffer. ``strides`` are left out where it is contiguous."""

    shape: tuple[_Size, ...]
    dtype: str
    parameter: bool
    requires_grad: bool
    strides: tuple[_Size, ...] | None = None


class StageRecord(Record):
    """The nodes of a stage's graph in order, and its tensors by qualified name."""

    nodes: tuple[dict[str, Any], ...]
    tensors: dict[str, TensorRecord]


class ProgramRecord(Record):
    """What runs: stages, the features (value, stage) that each takes, and the dtype of the images."""

    stages: Annotated[tuple[StageRecord, ...], Field(min_length=1)]
    takes: tuple[tuple[tuple[str, _Size], ...], ...]
    accumulate_logits: bool
    image_dtype: str


class InfoRecord(Record):
    """A ``NetworkInfo``, field by field."""

    plan: dict[str, Any]
    image_shape: tuple[int, int, int]
    num_classes: int
    macs: tuple[float, ...]
    static_macs: int
    fingerprint: str
    class_names: tuple[str, ...]
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None

    @staticmethod
    def of(info: NetworkInfo) -> "InfoRecord":
        """What is known of a network, as a record."""
        return InfoRecord(**{**vars(info), "plan": info.plan.to_dict()})

    def restored(self) -> NetworkInfo:
        """What is known. Raises ArtifactError or SettingsError for values that do not fit together."""
        return NetworkInfo(**{**dict(self), "plan": Plan.from_dict(self.plan)})


class WeightsRecord(Record):
    """The file of all tensors, in the same folder."""

    file: Annotated[str, Field(pattern=r"^weights-[0-9a-f]{16}\.safetensors$")]
    sha256: Digest


class SavedNetwork(Record):
    """The whole document. ``sha256`` is that of all else in it (``digest_of``); ``rules`` are exit rules."""

    versions: dict[str, str]
    info: InfoRecord
    rules: dict[str, dict[str, Any]]
    weights: WeightsRecord
    program: ProgramRecord
    sha256: Digest


def digest_of(document: Mapping[str, Any]) -> str:
    """The SHA-256 of a ``SavedNetwork`` in plain values, without its ``sha256``, as JSON with sorted keys."""
    content = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
