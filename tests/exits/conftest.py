"""Logits and exit tables like those of a trained network."""

from collections.abc import Callable

import numpy as np
import pytest

from s2dnas.exits import ExitTable


def _logits(num_samples: int, num_stages: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits (S, N, 10), labels (N,) and macs (S,): samples of different difficulty, later stages better."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(10, size=num_samples)
    ease = 2 / (0.3 + rng.gamma(2, size=num_samples))
    logits = rng.normal(size=(num_stages, num_samples, 10))
    for stage in range(num_stages):
        logits[stage, np.arange(num_samples), labels] += (2 + 0.8 * stage) * ease
    return 2 * logits, labels, np.linspace(10e6, 40e6, num_stages).round()


def _trained(num_samples: int, num_stages: int, seed: int = 0, confidence: str = "max_probability") -> ExitTable:
    return ExitTable.from_logits(*_logits(num_samples, num_stages, seed), confidence)


@pytest.fixture(scope="session")
def answered() -> Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return _logits


@pytest.fixture(scope="session")
def trained() -> Callable[..., ExitTable]:
    return _trained
