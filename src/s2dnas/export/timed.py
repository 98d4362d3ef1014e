"""How long the graphs of a bundle take on the machine of the export, for its manifest."""

from collections.abc import Sequence
from typing import Any

from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.manifest import GraphFile
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.runtime.timing import milliseconds


def with_milliseconds(bundle: Bundle, batches: Sequence[int]) -> Bundle:
    """A bundle whose manifest says how long its stages take here, for some sizes of the batch, on one thread."""
    engine, manifest = OnnxruntimeEngine(), bundle.manifest
    times = {batch: milliseconds(bundle, engine, batch) for batch in batches}

    def timed(file: GraphFile) -> dict[str, Any]:
        return {"milliseconds": {engine.name: {batch: found[file.file] for batch, found in times.items()}}}

    stages = tuple(stage.model_copy(update=timed(stage)) for stage in manifest.stages)
    static = None if manifest.static is None else manifest.static.model_copy(update=timed(manifest.static))
    return Bundle(bundle.folder, manifest.model_copy(update={"stages": stages, "static": static})) if times else bundle
