"""The benchmark of the search reads what comparisons and rankings have left."""

import pytest

from s2dnas.comparison.record import Comparison, Control, MethodCurve
from search import at, gains, summary


def curve(method: str, seed: int, accuracy: float) -> MethodCurve:
    points = [{"mean_macs": 100 * share, "accuracy": accuracy + 0.1 * share} for share in (0.6, 0.2)]
    numbers = {"at_budgets": [], "params": 1, "epochs": 1, "seconds": 2.0, "search_seconds": 3.0}
    return MethodCurve.model_validate({"method": method, "seed": seed, "points": points, **numbers})


def found() -> Comparison:
    curves = [
        curve(method, seed, 0.7 + 0.01 * seed + gain)
        for seed in (0, 1)
        for method, gain in (("s2dnas", 0.02 * seed), ("best-uniform", 0.0))
    ]
    static = [Control(seed=seed, accuracy=0.8, macs=100, params=1, epochs=1) for seed in (0, 1)]
    return Comparison(
        model="net", data="data/set", static=tuple(static), curves=tuple(curves), not_applicable={}, settings={}
    )


def test_gains_are_told_where_both_curves_reach() -> None:
    rows = list(gains(found()))
    assert {row["macs_share"] for row in rows} == {0.25, 0.35, 0.5}
    assert [row["searched"] - row["uniform"] for row in rows if row["seed"] == 1] == pytest.approx([0.02] * 3)


def test_accuracy_is_interpolated_at_the_cost() -> None:
    assert at(curve("s2dnas", 0, 0.7), 40.0) == pytest.approx(0.74)
    assert at(curve("s2dnas", 0, 0.7), 90.0) is None


def test_the_summary_has_the_error_of_the_seeds() -> None:
    assert "net, set, 25%: +1.00 +- 1.00 points (2 seeds)" in list(summary(list(gains(found()))))
