"""The learning rate rises, then falls as a cosine does, to nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.config import changed
from s2dnas.errors import SettingsError
from s2dnas.pipeline.settings import Settings, load_settings
from s2dnas.training.recipe import Recipe


def test_warm_up_is_linear_from_a_hundredth() -> None:
    recipe = Recipe(epochs=10, learning_rate=0.4, warmup_epochs=2)
    assert recipe.rate(0) == pytest.approx(0.004)
    assert recipe.rate(1) == pytest.approx((0.004 + 0.4) / 2)
    assert recipe.rate(2) == pytest.approx(0.4)


def test_a_cosine_to_zero_follows() -> None:
    recipe = Recipe(epochs=10, learning_rate=0.4, warmup_epochs=2)
    assert recipe.rate(4) == pytest.approx(0.4 * (1 + 0.5**0.5) / 2)
    assert recipe.rate(6) == pytest.approx(0.2)
    assert recipe.rate(10) == pytest.approx(0)


def test_what_a_recipe_does_not_say_is_as_in_its_own_default_not_in_another_recipes() -> None:
    given = load_settings(None, ["shared.epochs=3", "search.trial.learning_rate=0.01"])
    default = Settings()
    assert given.shared == replace(default.shared, epochs=3)
    assert default.search.trial.warmup_epochs != default.static.warmup_epochs
    assert given.search.trial == replace(default.search.trial, learning_rate=0.01)
    assert load_settings(None, changed(given)) == given


def test_a_warm_up_is_a_fifth_of_a_short_training_at_most() -> None:
    recipe = Recipe(epochs=1, learning_rate=0.4, warmup_epochs=1)
    assert recipe.rate(0.2) == pytest.approx(0.4)
    assert recipe.rate(0.6) == pytest.approx(0.2)


def test_without_warm_up_it_starts_at_the_top() -> None:
    assert Recipe(epochs=3, learning_rate=0.4, warmup_epochs=0).rate(0) == 0.4


@pytest.mark.parametrize(
    "fault", [{"epochs": -1}, {"batch_size": 0}, {"learning_rate": 0.0}, {"momentum": 1.0}, {"warmup_epochs": -0.5}]
)
def test_a_value_out_of_range_is_refused_by_name(fault: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(fault))):
        Recipe(**fault)  # type: ignore[arg-type]


@given(
    epochs=st.integers(1, 50),
    warmup=st.floats(0, 60),
    point=st.floats(0, 1),
    rate=st.floats(1e-6, 10),
)
def test_it_stays_between_zero_and_the_learning_rate(epochs: int, warmup: float, point: float, rate: float) -> None:
    recipe = Recipe(epochs=epochs, learning_rate=rate, warmup_epochs=warmup)
    assert 0 <= recipe.rate(point * epochs) <= rate * (1 + 1e-9)
