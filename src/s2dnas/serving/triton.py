"""A model repository for NVIDIA Triton: its Python backend runs our runtime, all else is configuration.

What the configuration says is described at
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

import os
import re
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from s2dnas.artifacts import write_json
from s2dnas.errors import require
from s2dnas.runtime import Bundle
from s2dnas.runtime.manifest import BUNDLE, MANIFEST_FILE
from s2dnas.serving.protocol import OUTPUTS
from s2dnas.values import IMAGE


@dataclass(frozen=True)
class TritonSettings:
    """``instances`` batches of at most ``batch`` images are answered at once; ``queue`` requests wait at most.

    ``delay`` is how many seconds a request waits for a fuller batch, ``deadline`` how many one that names no
    ``timeout`` waits for its batch before it is refused. Raises SettingsError for values out of range.
    """

    name: str = "s2dnas"
    instances: int = 1
    batch: int = 32
    queue: int = 256
    delay: float = 0.0
    deadline: float = 1.0

    def __post_init__(self) -> None:
        rules = {
            "name": (bool(re.fullmatch(r"[A-Za-z0-9_-]+", self.name)), "letters, digits, '_' and '-'"),
            "instances": (self.instances >= 1, "at least 1"),
            "batch": (self.batch >= 1, "at least 1"),
            "queue": (self.queue >= 1, "at least 1"),
            "delay": (self.delay >= 0, "at least 0 seconds"),
            "deadline": (self.deadline > 0, "above 0 seconds"),
        }
        require(self, rules)


def write_repository(bundle: Bundle | Path | str, repository: Path, settings: TritonSettings) -> Path:
    """Write a model into a model repository, and give the model's folder; a model of its name is replaced.

    Where Triton runs, its Python must have s2dnas (``pip install --no-deps s2dnas`` is enough), NumPy, pydantic and
    onnxruntime. Raises ArtifactError if the bundle is damaged.
    """
    bundle = bundle if isinstance(bundle, Bundle) else Bundle.opened(bundle)
    model, new = repository / settings.name, repository / f".{settings.name}.{os.getpid()}.part"
    try:
        _write_model(bundle, new, settings)
        shutil.rmtree(model, ignore_errors=True)
        new.rename(model)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return model


def _write_model(bundle: Bundle, model: Path, settings: TritonSettings) -> None:
    copy = model / "1" / "bundle"
    copy.mkdir(parents=True)
    for file in bundle.manifest.files:
        (copy / file.file).write_bytes(bundle.graph(file))
    write_json(copy / MANIFEST_FILE, BUNDLE, bundle.manifest.model_dump(mode="json"))
    (model / "1" / "model.py").write_text((files("s2dnas.serving") / "triton_model.py").read_text("utf-8"))
    (model / "config.pbtxt").write_text(_config(bundle, settings))


def _config(bundle: Bundle, settings: TritonSettings) -> str:
    # Nothing of a batch is left of an output but its single value, and dims must not be empty: hence (N, 1).
    outputs = ",\n".join(
        f'  {{ name: "{name}", data_type: TYPE_{kind}, dims: [ 1 ] }}' for name, kind in OUTPUTS.items()
    )
    return f"""name: "{settings.name}"
backend: "python"
max_batch_size: {settings.batch}
input [
  {{ name: "{IMAGE}", data_type: TYPE_FP32, dims: {list(bundle.manifest.image_shape)} }}
]
output [
{outputs}
]
instance_group [ {{ count: {settings.instances}, kind: KIND_CPU }} ]
dynamic_batching {{
  max_queue_delay_microseconds: {_microseconds(settings.delay)}
  default_queue_policy {{
    timeout_action: REJECT
    default_timeout_microseconds: {_microseconds(settings.deadline)}
    allow_timeout_override: true
    max_queue_size: {settings.queue}
  }}
}}
"""


def _microseconds(seconds: float) -> int:
    return round(1e6 * seconds)
