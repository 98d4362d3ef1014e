"""Every draw of a run has a seed of its own, and all of them follow from the run's seed."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

_PURPOSES = {"control": "equal"}
"""Under another name in seeds, so that the controls of the published results can be trained again."""


@dataclass(frozen=True)
class Seeds:
    """The seeds that follow from ``seed``."""

    seed: int

    def of(self, purpose: str) -> int:
        """A seed for one purpose, such as a step of the run; equal for equal seeds and purposes."""
        return zlib.crc32(f"{self.seed}/{_PURPOSES.get(purpose, purpose)}".encode())

    @contextmanager
    def drawing(self, purpose: str) -> Iterator[None]:
        """Fresh weights that are made inside are drawn from a purpose's seed; the global generator stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.of(purpose))
            yield
