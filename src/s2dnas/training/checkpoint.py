"""The state of a training on disk: one safetensors file, whole or absent, never pickled."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from s2dnas.artifacts import VERSION, replacing
from s2dnas.errors import ArtifactError
from s2dnas.network.ownership import EXTRA_STATE, refuse_other_network
from s2dnas.training.average import WeightAverage
from s2dnas.training.best_epoch import BestEpoch, KeptEpoch

_MODULE, _RAW, _BEST = "module.", "raw.", "best."
_OPTIMIZER = {
    "momentum_buffer": "momentum.",
    "exp_avg": "first_moment.",
    "exp_avg_sq": "second_moment.",
    "step": "step.",
}
"""What SGD and AdamW remember of each parameter, and its prefix in the file."""


@dataclass(frozen=True)
class EpochRecord:
    """One line of a training's history. ``metrics``: validation accuracies in [0, 1], by name."""

    epoch: int
    loss: float
    seconds: float
    images_per_second: float
    metrics: dict[str, float]


def save_checkpoint(
    path: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    history: list[EpochRecord],
    average: WeightAverage | None = None,
    best: BestEpoch | None = None,
) -> None:
    """Write weights, buffers, what the optimizer remembers and history after a finished epoch.

    With an average, the module holds it, and the average what training goes on from. ``best``, if another epoch's
    weights are kept than the last one's, is written beside them.
    """
    names: dict[Tensor, str] = {parameter: name for name, parameter in module.named_parameters()}
    remembered = {
        _OPTIMIZER[key] + names[parameter]: tensor
        for parameter, state in optimizer.state.items()
        for key, tensor in state.items()
        if tensor is not None
    }
    raw = {_RAW + name: tensor for name, tensor in average.other.items()} if average else {}
    kept = best.kept if best else None
    earlier = {_BEST + name: tensor for name, tensor in best.state.items()} if best and _earlier(kept, history) else {}
    tensors = {_MODULE + name: tensor for name, tensor in module.state_dict().items()} | remembered | raw | earlier
    metadata = {"version": str(VERSION), "history": json.dumps([asdict(record) for record in history])}
    if kept is not None:
        metadata["kept"] = json.dumps(asdict(kept))
    # A parameter of two names is written twice: safetensors refuses tensors that share memory.
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(copies, temporary, metadata)


def load_checkpoint(
    path: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    average: WeightAverage | None = None,
    best: BestEpoch | None = None,
) -> list[EpochRecord]:
    """Put the state that ``save_checkpoint`` wrote back, and return the history so far.

    Without an optimizer, the module is left with the weights to use, those of the best epoch. Raises ArtifactError,
    before anything is changed, if the file is damaged, of another version, or belongs to another network.
    """
    with _opened(path) as file:
        history = _history(path, file.metadata())
        kept = _kept(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    last = _part(tensors, _MODULE)
    weights = _part(tensors, _BEST) or last
    _check_same_network(path, module.state_dict(), last)
    module.load_state_dict(last if optimizer else weights)
    if optimizer is not None:
        for name, parameter in module.named_parameters():
            for key, prefix in _OPTIMIZER.items():
                if (found := tensors.get(prefix + name)) is not None:
                    optimizer.state[parameter][key] = _like(parameter, found)
    if average is not None:
        average.restore(_part(tensors, _RAW))
    if best is not None and kept is not None:
        best.take(kept, weights)
    return history


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _earlier(kept: KeptEpoch | None, history: list[EpochRecord]) -> bool:
    """Whether another epoch's weights are kept than the last one's."""
    return kept is not None and kept.epoch != len(history)


def _like(parameter: Tensor, found: Tensor) -> Tensor:
    """On the parameter's device and laid out as it is; a count of steps stays where it was."""
    return torch.empty_like(parameter).copy_(found) if found.shape == parameter.shape else found


def training_seconds(history: Iterable[EpochRecord]) -> float:
    """How long the epochs took, all together."""
    return sum(record.seconds for record in history)


def read_history(path: Path) -> list[EpochRecord]:
    """The history that a checkpoint holds. Raises ArtifactError if the file is damaged or of another version."""
    with _opened(path) as file:
        return _history(path, file.metadata())


def read_kept(path: Path) -> KeptEpoch | None:
    """Which epoch a checkpoint keeps the weights of, None where none was validated.

    Raises ArtifactError if the file is damaged or of another version.
    """
    with _opened(path) as file:
        _history(path, file.metadata())
        return _kept(file.metadata())


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path} is not a readable checkpoint ({error}); delete it to train anew") from error


def _history(path: Path, metadata: Mapping[str, str] | None) -> list[EpochRecord]:
    if metadata is None or "history" not in metadata:
        raise ArtifactError(f"{path} is not a checkpoint of s2dnas: it holds no history; start a new run folder")
    if metadata.get("version") != str(VERSION):
        raise ArtifactError(
            f"{path} has checkpoint version {metadata.get('version')}, this s2dnas reads {VERSION}; "
            "start a new run folder"
        )
    return [EpochRecord(**record) for record in json.loads(metadata["history"])]


def _kept(metadata: Mapping[str, str]) -> KeptEpoch | None:
    return KeptEpoch(**json.loads(metadata["kept"])) if "kept" in metadata else None


def _check_same_network(path: Path, wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    def shape(tensors: Mapping[str, Tensor], name: str) -> str:
        return f"shape {tuple(tensors[name].shape)}" if name in tensors else "no such tensor"

    for name in [*wanted, *given]:
        if (there := shape(given, name)) != (here := shape(wanted, name)):
            raise ArtifactError(
                f"{path} belongs to another network: {name!r} is {there} there and {here} here; start a new run folder"
            )
    for name in wanted:
        if name.endswith(EXTRA_STATE):
            try:
                refuse_other_network(wanted[name], given[name])
            except ArtifactError as error:
                raise ArtifactError(f"{path}: {error}, or start a new run folder") from error
