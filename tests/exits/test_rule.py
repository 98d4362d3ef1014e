import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2dnas.errors import ArtifactError, DataError, SettingsError
from s2dnas.exits import NEVER, ExitRule, ExitTable, Outcomes, accuracy, decide, mean_cost

SCORES = [0.0, 0.25, 0.5, 0.5, 0.75, 1.0]


@st.composite
def tables(draw):
    stages, samples, seed = draw(st.integers(1, 4)), draw(st.integers(1, 12)), draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    macs = np.cumsum(rng.integers(1, 50, size=stages)).astype(float)
    scores = rng.choice(SCORES, size=(stages, samples))
    predictions, labels = rng.integers(3, size=(stages, samples)), rng.integers(3, size=samples)
    return ExitTable(scores, predictions, labels, macs, "entropy")


def rule_of(table, threshold):
    return ExitRule(table.confidence, (threshold,) * (table.num_stages - 1))


@given(table=tables(), threshold=st.floats(1, 9, exclude_min=True))
def test_above_one_everything_leaves_last(table, threshold):
    outcomes = decide(table, rule_of(table, threshold))
    assert (outcomes.stages == table.num_stages - 1).all()
    assert accuracy(outcomes) == pytest.approx(table.stage_accuracy[-1])
    assert mean_cost(outcomes) == pytest.approx(table.costs[-1])


@given(table=tables())
def test_at_zero_everything_leaves_first(table):
    outcomes = decide(table, rule_of(table, 0.0))
    assert (outcomes.stages == 0).all()
    assert accuracy(outcomes) == pytest.approx(table.stage_accuracy[0])
    assert mean_cost(outcomes) == pytest.approx(table.costs[0])


@given(table=tables(), data=st.data())
def test_decide_is_what_going_sample_by_sample_does(table, data):
    threshold = st.sampled_from([*SCORES, 0.6, NEVER])
    rule = ExitRule(table.confidence, tuple(data.draw(threshold) for _ in range(table.num_stages - 1)))
    outcomes = decide(table, rule)
    for sample in range(table.num_samples):
        stage = 0
        while stage < table.num_stages - 1 and table.scores[stage, sample] < rule.thresholds[stage]:
            stage += 1
        assert outcomes.stages[sample] == stage
        assert outcomes.predictions[sample] == table.predictions[stage, sample]
        assert outcomes.costs[sample] == table.costs[stage]
    assert outcomes.labels.tolist() == table.labels.tolist()


@given(table=tables(), threshold=st.sampled_from([*SCORES, 0.6, NEVER]))
def test_running_stage_by_stage_with_leaves_decides_the_same(table, threshold):
    rule, waiting = rule_of(table, threshold), np.arange(table.num_samples)
    stages = np.full(table.num_samples, -1)
    for stage in range(rule.num_stages):
        gone = rule.leaves(table.scores[stage, waiting], stage)
        stages[waiting[gone]] = stage
        waiting = waiting[~gone]
    assert waiting.size == 0
    assert stages.tolist() == decide(table, rule).stages.tolist()


def test_a_stage_that_does_not_exist_is_refused():
    with pytest.raises(SettingsError, match="no stage 3"):
        ExitRule("margin", (0.5,)).leaves(np.zeros(1), 2)


@pytest.mark.parametrize("threshold", [-0.1, float("nan"), float("inf")])
def test_thresholds_out_of_range_are_refused(threshold):
    with pytest.raises(SettingsError, match="threshold of stage 2"):
        ExitRule("margin", (0.5, threshold))


def test_a_rule_for_another_table_is_refused(trained):
    for rule in (ExitRule("margin", (0.5, 0.5)), ExitRule("max_probability", (0.5,))):
        with pytest.raises(SettingsError, match="same kind"):
            decide(trained(5, 3), rule)


def test_a_saved_rule_comes_back_equal(tmp_path):
    rule = ExitRule("margin", (0.1 + 0.2, NEVER, 1 / 3))
    rule.save(tmp_path / "rule.json")
    assert ExitRule.load(tmp_path / "rule.json") == rule
    assert hash(ExitRule.from_dict(rule.to_dict())) == hash(rule)


@pytest.mark.parametrize(
    "content",
    [{}, {"confidence": "margin"}, {"confidence": "x", "thresholds": []}, {"confidence": "margin", "thresholds": [-1]}],
)
def test_what_is_not_a_rule_is_refused(content):
    with pytest.raises(ArtifactError, match="not an exit rule"):
        ExitRule.from_dict(content)


@pytest.mark.parametrize(("stages", "labels"), [([0, 2], [0, 0]), ([0, -1], [0, 0]), ([0, 1], [0]), ([], [])])
def test_outcomes_that_do_not_fit_are_refused(stages, labels):
    size = len(stages)
    with pytest.raises(DataError, match="outcomes"):
        Outcomes(np.zeros(size, int), np.array(stages, int), np.ones(size), np.array(labels, int), num_stages=2)


def test_thresholds_are_kept_as_floats_however_they_are_given():
    rule = ExitRule("margin", np.array([1, 0]))
    assert rule == ExitRule("margin", (1.0, 0.0))
    assert [type(threshold) for threshold in rule.thresholds] == [float, float]
    assert hash(rule) == hash(ExitRule("margin", [1, 0]))


def test_scores_of_any_precision_are_compared_in_double_precision():
    """0.7 in single precision is a little less than 0.7."""
    score = np.array([0.7], dtype=np.float32)
    assert float(score[0]) < 0.7
    assert not ExitRule("margin", (0.7,)).leaves(score, 0)[0]
    assert ExitRule("margin", (0.6999999,)).leaves(score, 0)[0]


def test_the_last_stage_takes_every_sample_that_reaches_it():
    assert ExitRule("margin", (0.5,)).leaves(np.array([0.0, 0.9, 1.0]), 1).tolist() == [True] * 3
    assert ExitRule("margin", ()).leaves(np.zeros(0), 0).tolist() == []
