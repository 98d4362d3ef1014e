"""A recipe without a learning rate gets one: the full one for fresh weights, a smaller one for a short finetuning."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from s2dnas.errors import SettingsError
from s2dnas.training.compute import Compute
from s2dnas.training.learning_rate import with_learning_rate
from s2dnas.training.loop import TrainingTask, fit
from s2dnas.training.moment import Moment
from s2dnas.training.recipe import Recipe


@pytest.mark.parametrize("fresh", [True, False])
def test_what_is_set_stays(fresh: bool) -> None:
    recipe = Recipe(epochs=3, learning_rate=0.07)
    assert with_learning_rate(recipe, 10, fresh=fresh) == recipe


@pytest.mark.parametrize(
    ("epochs", "rate"), [(1, 0.0058), (3, 0.01), (12, 0.02), (30, 0.032), (300, 0.1), (3000, 0.1), (0, 0.0018)]
)
def test_trained_weights_get_the_less_the_fewer_steps_there_are(epochs: int, rate: float) -> None:
    recipe = Recipe(epochs=epochs)
    assert with_learning_rate(recipe, 10, fresh=False) == replace(recipe, learning_rate=rate)
    assert with_learning_rate(recipe, 10, fresh=True).learning_rate == 0.1


def test_adamw_has_rates_of_its_own() -> None:
    recipe = Recipe(epochs=3, optimizer="adamw")
    assert with_learning_rate(recipe, 10, fresh=True).learning_rate == 0.001
    assert with_learning_rate(recipe, 10, fresh=False).learning_rate == 0.0001


def test_a_recipe_without_a_rate_trains_by_none() -> None:
    with pytest.raises(SettingsError, match="no learning rate yet"):
        Recipe().rate(0)


@pytest.mark.parametrize(("fresh", "rate", "weights"), [(True, 0.1, "fresh"), (False, 0.0026, "trained")])
def test_a_training_goes_by_the_chosen_rate_and_says_so(
    fresh: bool, rate: float, weights: str, caplog: pytest.LogCaptureFixture
) -> None:
    module = nn.Linear(2, 2, bias=False)
    before = module.weight.detach().clone()

    def loss(net: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        del images, labels, moment
        return next(net.parameters()).sum()

    def batches(_: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        return iter([(torch.zeros(1, 2), torch.zeros(1))] * 2)

    task = TrainingTask(module, loss, batches, 2, fresh=fresh)
    recipe = Recipe(epochs=1, momentum=0, weight_decay=0, warmup_epochs=0)
    with caplog.at_level(logging.INFO):
        fit(task, recipe, compute=Compute(torch.device("cpu")), checkpoint=None, seed=0)
    torch.testing.assert_close(before - module.weight.detach(), torch.full((2, 2), rate * 1.5))
    assert f"learning rate {rate}, chosen for 2 steps from {weights} weights" in caplog.messages
