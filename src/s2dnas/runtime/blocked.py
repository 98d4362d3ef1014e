"""Programs that hand features over in onnxruntime's own layout: made at first load, checked, and kept for the next.

The files belong to one version of onnxruntime and one kind of processor. They are kept in the folder that
``S2DNAS_CACHE`` names, else in ``s2dnas`` in the user's cache.
"""

import hashlib
import logging
import os
import platform
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from s2dnas.artifacts import read_json, replacing, write_json
from s2dnas.errors import ArtifactError
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.cutting import optimised_stages
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.runtime.programs import Programs, chained, load_programs
from s2dnas.runtime.workspace import Workspace
from s2dnas.values import IMAGE

_log = logging.getLogger(__name__)
_KIND = "blocked"
_CHECKED_BATCHES = (1, 2, 7)


def blocked_programs(bundle: Bundle, engine: OnnxruntimeEngine) -> Programs | None:
    """The stages of a bundle that hand features over in blocks; None if that cannot be had, which is logged.

    They are used if all logits, scores and labels of random images, in batches of 1, 2 and 7, equal those of the plain
    graphs bit for bit. To make them takes ``onnx``, to use what was kept does not.

    Raises ArtifactError if the bundle is damaged.
    """
    if engine.device != "cpu" or bundle.manifest.precision != "float32":
        return None
    for stage in bundle.manifest.stages:
        bundle.graph(stage)  # a damaged bundle is refused, whatever was kept of it
    entry = cache_folder() / f"{_KIND}-{_key(bundle, engine)}.json"
    try:
        return _kept(entry, bundle, engine)
    except ArtifactError as error:
        _log.debug("features in blocks are made anew: %s", error)
    if find_spec("onnx") is None:
        _log.info("features are handed over in plain layout: blocks need onnx, pip install 's2dnas[runtime]'")
        return None
    return _made(entry, bundle, engine)


def cache_folder() -> Path:
    """Where what was made for this machine is kept."""
    if given := os.environ.get("S2DNAS_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "s2dnas"


def _key(bundle: Bundle, engine: OnnxruntimeEngine) -> str:
    parts = [engine.version, processor_kind(), *(stage.sha256 for stage in bundle.manifest.stages)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def processor_kind() -> str:
    """Kind and abilities of the processor, as far as the system tells them."""
    told = [platform.machine(), platform.processor()]
    path = Path("/proc/cpuinfo")
    if path.exists():
        lines = (line.partition(":") for line in path.read_text().splitlines())
        told += sorted({f"{key.strip()}:{value}" for key, _, value in lines if key.strip() in _TELLING})
    return "\n".join(told)


_TELLING = {"vendor_id", "cpu family", "model", "model name", "flags", "Features", "CPU implementer", "CPU part"}


def _kept(entry: Path, bundle: Bundle, engine: OnnxruntimeEngine) -> Programs | None:
    """What an earlier load has made; None if it was no use. Raises ArtifactError if nothing or damage is found."""
    content = read_json(entry, _KIND)
    if content["refused"]:
        _warn(content["refused"])
        return None
    return _loaded([_content(entry.parent / name, digest) for name, digest in content["files"]], bundle, engine)


def _content(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ArtifactError(f"{path} is not what was written")
    return content


def _made(entry: Path, bundle: Bundle, engine: OnnxruntimeEngine) -> Programs | None:
    stages = bundle.manifest.stages
    plain = load_programs(bundle, engine)
    answers = [bundle.manifest.answers(index) for index in range(len(stages))]
    try:
        parts = optimised_stages([bundle.graph(stage) for stage in stages], answers, engine)
        programs = _loaded(parts, bundle, engine)
        refused = difference(plain, programs, [name for names in answers for name in names])
    except ArtifactError as error:
        refused = str(error)
    if refused:
        _warn(refused)
        _keep(entry, [], refused)
        return None
    _keep(entry, parts, "")
    return programs


def _loaded(parts: list[bytes], bundle: Bundle, engine: OnnxruntimeEngine) -> Programs:
    loaded = [engine.load(part, optimised=True) for part in parts]
    return chained(f"{engine.name}, blocked", loaded, bundle.manifest.image_shape)


def difference(plain: Programs, other: Programs, names: list[str]) -> str:
    """Which of some values differ, in a single bit, on random images between programs; empty if none does."""
    generator = np.random.default_rng(0)
    for count in _CHECKED_BATCHES:
        images = generator.standard_normal((count, *plain.values[IMAGE].shape), np.float32)
        expected, found = (Workspace(programs, count) for programs in (plain, other))
        for workspace in (expected, found):
            workspace.values[IMAGE][:] = images
            for stage in range(len(plain.stages)):
                workspace.run(stage, count)
        for name in names:
            if expected.values[name].tobytes() != found.values[name].tobytes():
                return f"{name} is not the same in a batch of {count}"
    return ""


def _keep(entry: Path, parts: list[bytes], refused: str) -> None:
    """The entry comes last, so whoever finds it finds all. A folder that cannot be written to is no error."""
    files = []
    try:
        for number, part in enumerate(parts, 1):
            files.append((f"{entry.stem}-{number}.onnx", hashlib.sha256(part).hexdigest()))
            with replacing(entry.parent / files[-1][0]) as temporary:
                temporary.write_bytes(part)
        write_json(entry, _KIND, {"files": files, "refused": refused})
    except OSError as error:
        _log.warning("features in blocks are made again at the next load, %s cannot be written: %s", entry, error)


def _warn(reason: str) -> None:
    _log.warning("features are handed over in plain layout, not in onnxruntime's blocks: %s", reason)
