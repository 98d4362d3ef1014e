"""Run a network over a split once; what it answered is all that thresholds and reports need."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from s2dnas.exits import AnyScoring, ExitTable
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE
from s2dnas.network.multi_exit import MultiExitNet

Batches = Iterable[tuple[Tensor, Tensor]]


def collect(net: MultiExitNet, batches: Batches, confidence: AnyScoring = DEFAULT_CONFIDENCE) -> ExitTable:
    """The exit table of a multi-exit network over a split: score and prediction per stage and sample."""
    logits, labels = stage_logits(net, batches)
    return ExitTable.from_logits(logits, labels, np.array(net.macs), confidence)


def stage_accuracies(net: MultiExitNet, batches: Batches) -> dict[str, float]:
    """The share of right answers of each stage over a split, in [0, 1], by its name, from ``stage 1`` on."""
    accuracies = collect(net, batches).stage_accuracy
    return {f"stage {stage + 1}": float(accuracy) for stage, accuracy in enumerate(accuracies)}


def stage_logits(net: MultiExitNet, batches: Batches) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Logits (S, N, K) and labels (N,) of a multi-exit network over a split."""
    return _answers(net, batches, samples_axis=1)


def static_predictions(model: nn.Module, batches: Batches) -> npt.NDArray[np.int64]:
    """What a network with one output (N, K) answers, (N,)."""
    logits, _ = _answers(model, batches, samples_axis=0)
    return np.asarray(logits.argmax(-1))


def static_accuracy(model: nn.Module, batches: Batches) -> float:
    """The share of right answers, in [0, 1], of a network with one output (N, K)."""
    logits, labels = _answers(model, batches, samples_axis=0)
    return float((logits.argmax(-1) == labels).mean())


def _answers(
    model: nn.Module, batches: Batches, samples_axis: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """All logits and labels, with the model in eval mode while it runs."""
    training = model.training
    model.eval()
    with torch.inference_mode():
        pairs = [(model(images).double().cpu(), labels.cpu()) for images, labels in batches]
    model.train(training)
    logits, labels = zip(*pairs, strict=True)
    return torch.cat(logits, samples_axis).numpy(), torch.cat(labels).numpy()
