"""The benchmark of exit rules compares at equal cost, reads off between rules, and counts broken promises."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import exit_rules

STATIC_MACS = 50.0
BUDGETS = np.array([5.0, 15.0, 25.0, 50.0])


def answers(count: int, seed: int) -> exit_rules.Answers:
    """Three stages, the later the better, and a static network like the last."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(5, size=count)
    ease = rng.gamma(2, size=count)
    logits = rng.normal(size=(3, count, 5))
    logits[:, np.arange(count), labels] += ease * np.array([[1.0], [1.5], [2.0]])
    static = logits[2] + 0.3 * rng.normal(size=(count, 5))
    return exit_rules.Answers(logits, labels, static.argmax(axis=-1), np.array([10.0, 20.0, 40.0]))


@pytest.fixture(scope="module")
def rows() -> dict[str, dict]:
    found = exit_rules.compared(answers(300, 0), answers(1000, 1), BUDGETS)
    return {row["rule"]: row for row in found}


def test_every_rule_stands_below_the_oracle_and_none_below_its_cheapest_cost(rows: dict[str, dict]) -> None:
    for row in rows.values():
        assert row["accuracy"][0] is None
        for value, bound in zip(row["accuracy"][1:], rows["oracle"]["accuracy"][1:], strict=True):
            assert "surest" in row["rule"] or value is None or value <= bound + 1e-9


def test_differences_are_to_joint_thresholds_on_max_probability(rows: dict[str, dict]) -> None:
    base = rows[exit_rules.BASE]
    assert base["difference"][1:] == [0, 0, 0]
    for row in rows.values():
        for value, difference, reference in zip(row["accuracy"], row["difference"], base["accuracy"], strict=True):
            assert value is None or difference == pytest.approx(value - reference)


def test_a_value_between_two_rules_is_read_off_in_between() -> None:
    found = exit_rules._between(np.array([20.0, 10.0]), np.array([0.9, 0.5]), np.array([5.0, 10.0, 15.0, 99.0]))
    np.testing.assert_allclose(found, [np.nan, 0.5, 0.7, 0.9])


def test_promises_are_counted_and_written(rows: dict[str, dict]) -> None:
    found = exit_rules.promises(answers(300, 0), answers(1000, 1), STATIC_MACS, divisions=10, delta=0.1)
    assert {row["kind"] for row in found} == {"accuracy", "agreement"}
    for row in found:
        assert 0 <= row["failed"] <= row["promised"] <= 1
        assert 0 <= row["saved"] < 1
    content = {
        "model": "net",
        "data": "noise",
        "samples": {"calibrate": 300, "test": 1000},
        "static_accuracy": 0.8,
        "shares": (BUDGETS / STATIC_MACS).tolist(),
        "rules": list(rows.values()),
        "delta": 0.1,
        "divisions": 10,
        "promises": found,
    }
    json.dumps(content, allow_nan=False)
    page = exit_rules.markdown(content)
    assert "| rule | 10% | 30% | 50% | 100% |" in page
    assert "| at most 1 points under static |" in page
    assert all(f"| {name} | - |" in page for name in rows)
