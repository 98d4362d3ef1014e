"""Saved networks, loaded by another interpreter, in another folder, which cannot import what made them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import s2dnas
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.models.registry import create_model
from s2dnas.saving.writing import save
from s2dnas.space.division import search_space
from s2dnas.space.importance import by_importance
from s2dnas.staged.build import build

BATCH = 100
_IMAGES, _LOGITS, _ERROR = "images.npy", "logits.npy", "error.txt"
_SCRIPT = f"""
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from s2dnas.errors import S2dnasError
from s2dnas.saving.loading import load

assert find_spec("nets") is None
for folder in map(Path, sys.argv[1:]):
    try:
        network, _ = load(folder)
    except S2dnasError as error:
        (folder / "{_ERROR}").write_text(f"{{type(error).__name__}}: {{error}}")
        continue
    with torch.no_grad():
        images = torch.from_numpy(np.load(folder / "{_IMAGES}"))
        np.save(folder / "{_LOGITS}", torch.cat([network(part) for part in images.split({BATCH})], 1).numpy())
"""


def logits_here(network: nn.Module, images: Tensor) -> Tensor:
    """(S, N, K) of a network in this process."""
    with torch.no_grad():
        return torch.cat([network(part) for part in images.split(BATCH)], 1)


def logits_elsewhere(images: Mapping[Path, Tensor]) -> dict[Path, Tensor | str]:
    """(S, N, K) of each saved network for its images, or the error that loading it ended with."""
    for folder, given in images.items():
        np.save(folder / _IMAGES, given.numpy())
    source = Path(s2dnas.__file__).parents[1]
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SCRIPT, *(str(folder.resolve()) for folder in images)],
        env={**os.environ, "PYTHONPATH": str(source)},
        cwd=next(iter(images)),
        check=True,
    )
    return {folder: _found(folder) for folder in images}


def _found(folder: Path) -> Tensor | str:
    error = folder / _ERROR
    return error.read_text() if error.exists() else torch.from_numpy(np.load(folder / _LOGITS))


def saved_uniformly(spec: str, classes: int, images: Tensor, folder: Path) -> tuple[Tensor, Tensor | str]:
    """Logits (S, N, K) here and elsewhere of a network by name, with fresh weights, in three equal stages."""
    torch.manual_seed(0)
    model = create_model(spec, classes, images.shape[1]).eval()
    graph = by_importance(analyse_channels(trace(model, images[:1])))
    network = build(graph, search_space(graph, 3, 8).uniform())
    save(network, {}, folder)
    return logits_here(network, images), logits_elsewhere({folder: images})[folder]


def assert_no_difference(here: Tensor, there: Tensor | str) -> None:
    """Not one bit differs, and there is something to compare."""
    assert isinstance(there, Tensor), there
    assert here.isfinite().all()
    assert float(here.std()) > 0
    assert float((here - there).abs().max()) == 0
