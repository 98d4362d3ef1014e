"""Promises are kept: exactly at the edge of what is to be refused, and in simulation with known truth."""

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.calibration import certify_accuracy, certify_agreement, halves
from s2dnas.calibration.binomial import binomial_cdf, difference_cdf, upper_bound
from s2dnas.calibration.guarantee import excess
from s2dnas.errors import BudgetError, DataError, SettingsError
from s2dnas.exits import ExitTable, accuracy, decide, mean_cost

DELTA = 0.1


@given(trials=st.integers(1, 60), chance=st.floats(0.01, 0.99), data=st.data())
def test_the_binomial_distribution_is_what_counting_gives(trials, chance, data):
    successes = data.draw(st.integers(0, trials))
    terms = [comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(successes + 1)]
    assert binomial_cdf(successes, trials, chance) == pytest.approx(min(1, sum(terms)), rel=1e-9)


@given(trials=st.integers(1, 12), up=st.floats(0, 0.5), down=st.floats(0, 0.5), data=st.data())
def test_the_distribution_of_a_difference_is_what_counting_gives(trials, up, down, data):
    most = data.draw(st.integers(-trials, trials))
    counts = [(h, g) for h in range(trials + 1) for g in range(trials + 1 - h) if h - g <= most]
    terms = [
        comb(trials, h) * comb(trials - h, g) * up**h * down**g * (1 - up - down) ** (trials - h - g) for h, g in counts
    ]
    assert difference_cdf(most, trials, np.array([up]), np.array([down]))[0] == pytest.approx(sum(terms), abs=1e-9)


def test_bounds_worked_out_by_hand():
    assert upper_bound(0, 10, 0.1) == pytest.approx(1 - 0.1**0.1)
    assert upper_bound(10, 10, 0.1) == 1
    assert binomial_cdf(0, 5, 0.0) == binomial_cdf(5, 5, 1.0) == 1
    assert binomial_cdf(4, 5, 1.0) == 0


@pytest.mark.parametrize("epsilon", [0.05, 0.2])
@pytest.mark.parametrize("either", [0.2, 0.25, 0.4, 0.7, 1.0])
def test_a_test_at_the_edge_passes_with_probability_delta_at_most(epsilon, either):
    """Summed over everything that 25 samples can be."""
    samples, harm, gain = 25, (either + epsilon) / 2, (either - epsilon) / 2
    passing = 0.0
    for harms in range(samples + 1):
        for gains in range(samples - harms + 1 if gain > 0 else 1):
            if excess(harms, gains, samples, epsilon, 0.1 * DELTA) <= DELTA:
                ways = comb(samples, harms) * comb(samples - harms, gains)
                rest = (1 - harm - gain) ** (samples - harms - gains)
                passing += ways * harm**harms * gain**gains * rest
    assert passing <= DELTA


@given(harms=st.integers(0, 50), gains=st.integers(0, 50), epsilon=st.floats(0.001, 0.5))
def test_fewer_harms_and_wider_limits_are_easier_to_show(harms, gains, epsilon):
    value = excess(harms, gains, 200, epsilon, 0.01)
    assert 0 <= value <= 1
    assert excess(harms + 1, gains, 200, epsilon, 0.01) >= value - 1e-12
    assert excess(harms, gains, 200, epsilon + 0.1, 0.01) <= value + 1e-3  # cells are cut anew


def test_halves_take_every_sample_once_and_follow_the_generator():
    chosen, tested = halves(101, np.random.default_rng(0))
    assert (len(chosen), len(tested)) == (50, 51)
    assert sorted([*chosen, *tested]) == list(range(101))
    assert chosen.tolist() == halves(101, np.random.default_rng(0))[0].tolist()
    assert chosen.tolist() != halves(101, np.random.default_rng(1))[0].tolist()


@pytest.fixture(scope="module")
def population(answered):
    """A table whose static network answers much like the last stage."""
    logits, labels, macs = answered(20_000, 3, seed=7)
    static = logits[2] + np.random.default_rng(8).normal(size=logits[2].shape)
    return ExitTable.from_logits(logits, labels, macs, static=static.argmax(axis=-1))


def _static_accuracy(table):
    return np.mean(table.static == table.labels)


@pytest.mark.parametrize("promise", ["accuracy", "agreement"])
def test_a_promise_fails_in_at_most_delta_of_200_divisions(population, promise):
    epsilon = {"accuracy": 0.01, "agreement": 0.15}[promise]
    rng, failed, certified = np.random.default_rng(0), 0, 0
    for _ in range(200):
        chosen, tested = (population.take(rng.integers(population.num_samples, size=200)) for _ in range(2))
        try:
            rule = {"accuracy": certify_accuracy, "agreement": certify_agreement}[promise](
                chosen, tested, epsilon, DELTA
            )
        except BudgetError:
            continue
        certified += 1
        table = population if promise == "accuracy" else population.like_static
        failed += accuracy(decide(table, rule)) < _static_accuracy(table) - epsilon
    assert certified > 60
    assert failed <= 200 * DELTA + 2 * np.sqrt(200 * DELTA * (1 - DELTA))


def test_more_samples_certify_cheaper_rules(population):
    rng, costs = np.random.default_rng(0), {300: [], 1000: []}
    for size, found in costs.items():
        for _ in range(3):
            chosen, tested = (population.take(rng.integers(population.num_samples, size=size)) for _ in range(2))
            found.append(mean_cost(decide(population, certify_accuracy(chosen, tested, 0.05, DELTA))))
    assert np.mean(costs[1000]) < np.mean(costs[300]) < population.costs[-1]


def test_agreement_reads_no_labels(population):
    chosen, tested = population.take(np.arange(500)), population.take(np.arange(500, 1000))
    rule = certify_agreement(chosen, tested, 0.2, DELTA)
    blind = [replace(table, labels=np.zeros_like(table.labels)) for table in (chosen, tested)]
    assert certify_agreement(*blind, 0.2, DELTA) == rule


def test_what_cannot_be_promised_is_refused_with_what_can(population):
    chosen, tested = population.take(np.arange(60)), population.take(np.arange(60, 120))
    for promise in (certify_accuracy, certify_agreement):
        with pytest.raises(BudgetError, match="the least that they show is") as error:
            promise(chosen, tested, 0.001, DELTA)
        least = float(str(error.value).split("show is ")[1].split(";")[0]) / 100
        promise(chosen, tested, least + 0.001, DELTA)
        with pytest.raises(BudgetError):
            promise(chosen, tested, least - 0.001, DELTA)


@pytest.mark.parametrize(("epsilon", "delta"), [(0, 0.1), (1, 0.1), (0.01, 0), (0.01, 1), (float("nan"), 0.1)])
def test_limits_out_of_range_are_refused(population, epsilon, delta):
    table = population.take(np.arange(20))
    for promise in (certify_accuracy, certify_agreement):
        with pytest.raises(SettingsError, match="between 0 and 1"):
            promise(table, table, epsilon, delta)


def test_without_the_static_network_there_is_nothing_to_promise(trained):
    for promise in (certify_accuracy, certify_agreement):
        with pytest.raises(DataError, match="static"):
            promise(trained(20, 2), trained(20, 2), 0.01, DELTA)
