"""The learning rate of a training whose recipe names none."""

import logging
import math
from dataclasses import replace

from s2dnas.training.recipe import Recipe

_log = logging.getLogger(__name__)

_FULL = {"sgd": 0.1, "adamw": 0.001}
_ENOUGH_STEPS = 3000


def with_learning_rate(recipe: Recipe, num_batches: int, *, fresh: bool) -> Recipe:
    """The recipe for epochs of so many batches, with a learning rate: its own, or else ``chosen_rate``."""
    if recipe.learning_rate is not None:
        return recipe
    chosen = chosen_rate(recipe, num_batches, fresh=fresh)
    steps, weights = recipe.epochs * num_batches, "fresh" if fresh else "trained"
    _log.info("learning rate %g, chosen for %d steps from %s weights", chosen, steps, weights)
    return replace(recipe, learning_rate=chosen)


def chosen_rate(recipe: Recipe, num_batches: int, *, fresh: bool) -> float:
    """The learning rate that a recipe gets if it has none.

    Fresh weights get 0.1 with SGD and 0.001 with AdamW. For weights that know something, given or reconstructed, a
    short training must take smaller steps, since it has no time to make up for what large ones destroy: with n steps in
    all it is the same times the root of n / 3000, and no more than the same. Two digits of it.
    """
    steps = max(1, recipe.epochs * num_batches)
    share = 1.0 if fresh else min(1.0, math.sqrt(steps / _ENOUGH_STEPS))
    return float(f"{share * _FULL[recipe.optimizer]:.2g}")
