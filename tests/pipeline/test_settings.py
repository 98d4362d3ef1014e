"""Settings that cannot be met are refused before any work, and what is not set follows from the others."""

import pytest

from s2dnas.errors import SettingsError
from s2dnas.pipeline.settings import load_settings


@pytest.mark.parametrize(
    "setting",
    [
        "guarantees=[0.0]",
        "guarantees=[100.0]",
        "agreements=[1.0]",
        "agreements=[98.0]",
        "delta=0.0",
        "delta=1.0",
        "predictor=luck",
        "confidence=correctness",
    ],
)
def test_values_out_of_range_are_refused(setting):
    with pytest.raises(SettingsError, match=setting.split("=")[0]):
        load_settings(None, [f"exits.{setting}"])


def test_values_in_range_are_taken():
    settings = load_settings(
        None, ["exits.guarantees=[1, 0.5]", "exits.agreements=[0.98]", "exits.predictor=sufficiency"]
    )
    assert (settings.exits.guarantees, settings.exits.agreements) == ((1, 0.5), (0.98,))
    assert settings.exits.predictor == "sufficiency"


@pytest.mark.parametrize(
    ("pairs", "strategy"),
    [
        ([], "anchored"),
        (["search.weights=shared"], "anchored"),
        (["search.weights=alternating"], "reinforce"),
        (["search.weights=train"], "reinforce"),
        (["search.weights=train", "search.strategy=random"], "random"),
        (["search.strategy=reinforce"], "reinforce"),
    ],
)
def test_the_controller_is_the_strategy_where_plans_are_trained_for_the_search(pairs, strategy):
    assert load_settings(None, pairs).search.chosen_strategy == strategy


@pytest.mark.parametrize("weights", ["reconstructed", "shared", "alternating", "train"])
def test_the_reward_counts_the_cost_whichever_weights_plans_get(weights):
    assert load_settings(None, [f"search.weights={weights}"]).search.exponent == -0.07


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["search.weights=alternating", "search.evaluations=70"], "70 evaluations in batches of 10 cannot be divided"),
        (["search.weights=alternating", "shared.epochs=0"], "take 1 to 20 turns"),
        (["search.weights=train", "search.finalists=2"], "set search.finalists=1"),
        (["search.weights=train", "start=shared"], "search.weights is 'train': no shared network is trained"),
    ],
)
def test_searches_that_cannot_be_are_refused(pairs, said):
    with pytest.raises(SettingsError, match=said):
        load_settings(None, pairs)


def test_turns_are_those_of_an_alternating_search():
    alternating = ["search.weights=alternating", "shared.epochs=4", "search.evaluations=80", "start=shared"]
    assert load_settings(None, alternating).turn_starts == (0, 20, 40, 60)
    assert load_settings(None, [*alternating, "search.weights=shared", "search.evaluations=7"]).turn_starts == (0,)


@pytest.mark.parametrize("weights", ["alternating", "train"])
def test_workers_are_refused_where_weights_are_trained_on_the_way(weights):
    with pytest.raises(SettingsError, match=f"search.weights are '{weights}': such plans are scored in this process"):
        load_settings(None, [f"search.weights={weights}", "search.workers=2"])
