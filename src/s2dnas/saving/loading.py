"""Load what was saved, in any program: neither the code of the network nor a new capture is needed."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from s2dnas.artifacts import read_json
from s2dnas.errors import ArtifactError, ModelError, S2dnasError
from s2dnas.exits import ExitRule
from s2dnas.records import faults_of
from s2dnas.saving.document import (
    KIND,
    NETWORK_FILE,
    STATIC_FOLDER,
    SavedNetwork,
    StageRecord,
    WeightsRecord,
    digest_of,
)
from s2dnas.saving.fitting import refuse_unfit
from s2dnas.saving.tensors import from_bytes
from s2dnas.staged.build import MultiStageNet
from s2dnas.staged.codec import graph_from_plain
from s2dnas.staged.holding import hold
from s2dnas.staged.stage import Stage


def load(folder: Path | str) -> tuple[MultiStageNet, dict[str, ExitRule]]:
    """The network that ``save`` wrote, in eval mode on the CPU, and its exit rules by operating point.

    Nothing in the folder is executed before the network runs, and then only operators that PyTorch, or a library that
    was imported, has registered. Raises ArtifactError, which names the file, if it is missing, damaged, of another
    version or its parts do not fit; ModelError if a library of operators is not imported.
    """
    path = Path(folder) / NETWORK_FILE
    if not path.is_file():
        raise ArtifactError(
            f"{folder} is not a saved network, it has no {NETWORK_FILE}; give a folder that s2dnas has saved one to"
        )
    content = read_json(path, KIND)
    with _naming(path):
        saved = _validated(content)
        info = saved.info.restored()
        rules = {name: ExitRule.from_dict(rule) for name, rule in saved.rules.items()}
        counts = {len(saved.program.stages), len(saved.program.takes), *(rule.num_stages for rule in rules.values())}
        if counts != {info.plan.num_stages}:
            raise ArtifactError(
                f"its parts have {sorted(counts)} stages, its plan {info.plan.num_stages}; save it again"
            )
    with _naming(path.with_name(saved.weights.file)):
        tensors = from_bytes(_weights(path.parent, saved.weights), saved.program.stages)
    with _naming(path):
        stages = [
            _stage(record, own, f"Stage{index + 1}")
            for index, (record, own) in enumerate(zip(saved.program.stages, tensors, strict=True))
        ]
        network = MultiStageNet(
            stages, saved.program.takes, info, accumulate_logits=saved.program.accumulate_logits
        ).eval()
        refuse_unfit(network, _dtype(saved.program.image_dtype))
    return network, rules


def load_static(folder: Path | str) -> MultiStageNet | None:
    """The static network that was saved beside a network, as one stage; None if there is none. Raises as ``load``."""
    inner = Path(folder) / STATIC_FOLDER
    return load(inner)[0] if inner.is_dir() else None


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What is wrong with a file is said with its name."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except S2dnasError as error:
        raise ArtifactError(f"{path}: {error}") from error


def _validated(content: Mapping[str, Any]) -> SavedNetwork:
    try:
        saved = SavedNetwork.model_validate(content)
    except ValidationError as error:
        raise ArtifactError(f"{faults_of(error)[0]}; save the network again") from error
    if digest_of(content) != saved.sha256:
        raise ArtifactError("it is not what was saved (another checksum); save the network again")
    return saved


def _weights(folder: Path, record: WeightsRecord) -> bytes:
    try:
        content = (folder / record.file).read_bytes()
    except OSError as error:
        raise ArtifactError(f"it cannot be read ({error.strerror}); copy the whole folder, or save it again") from error
    if hashlib.sha256(content).hexdigest() != record.sha256:
        raise ArtifactError("it is not what was saved (another checksum); copy the folder again, or save it again")
    return content


def _stage(record: StageRecord, tensors: Mapping[str, Tensor], name: str) -> Stage:
    graph, root = graph_from_plain(record.nodes), nn.Module()
    read = {str(node.target) for node in graph.nodes if node.op == "get_attr"} - {"training"}
    if other := sorted(read ^ tensors.keys()):
        raise ArtifactError(f"{name} and its tensors do not fit: {other[0]!r} is of one only; save the network again")
    try:
        for path, tensor in tensors.items():
            hold(root, path, tensor)
    except KeyError as error:
        raise ArtifactError(f"{name} cannot hold a tensor of that name: {error}; save the network again") from error
    return Stage(root, graph, name)


def _dtype(name: str) -> torch.dtype:
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise ArtifactError(f"{name!r} is no dtype of images; save the network again")
    return found
