"""How long the graphs of a bundle take, each alone."""

import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.engine import Engine
from s2dnas.runtime.manifest import GraphFile, Manifest, StageFile
from s2dnas.values import IMAGE

_SECONDS = 0.3
"""Each graph is repeated for at least so long."""


def milliseconds(bundle: Bundle, engine: Engine, batch: int) -> dict[str, float]:
    """Of each stage and of the static network, by the name of its file: what one batch takes.

    It is processor time, of all threads, the median of repeated calls on noise.
    """
    noise, manifest = _noise(bundle.manifest, batch), bundle.manifest
    files = (*manifest.stages, *([] if manifest.static is None else [manifest.static]))
    return {file.file: _measured(bundle, engine, file, noise) for file in files}


def _measured(bundle: Bundle, engine: Engine, file: GraphFile, noise: Mapping[str, npt.NDArray[Any]]) -> float:
    program = engine.load(bundle.graph(file))
    inputs = file.inputs if isinstance(file, StageFile) else (IMAGE,)
    taken = {name: noise[name] for name in inputs}
    call = program.bound(taken, program.run(taken))
    call()  # the first call makes the engine's memory
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(times) < 5 or time.perf_counter() < end:
        start = time.process_time()
        call()
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times)


def _noise(manifest: Manifest, batch: int) -> dict[str, npt.NDArray[Any]]:
    """Every value that stages exchange, for a batch."""
    rng = np.random.default_rng(0)
    values = {IMAGE: rng.standard_normal((batch, *manifest.image_shape), np.float32)}
    for name, record in manifest.values.items():
        shape, dtype = (batch, *record.shape), np.dtype(record.dtype)
        whole = np.issubdtype(dtype, np.integer)
        values[name] = rng.integers(0, 256, shape, dtype) if whole else rng.random(shape).astype(dtype)
    return values
