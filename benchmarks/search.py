"""Does the search decide anything? How evaluators rank plans, and what its plan gains over the best uniform one.

s2dnas compare CONFIG.toml --out runs/compare 'methods=["s2dnas","best-uniform"]'
s2dnas rank runs/compare/seed-0 --plans 24
python benchmarks/search.py --compare runs/compare --rank runs/compare/seed-0 --json results/search.json

Both plans have the same copies, weights to start from and training. Their accuracies are those of the test split,
interpolated at the same mean macs, by thresholds that were set on the calibration split.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from s2dnas.artifacts import read_json, write_json
from s2dnas.comparison.record import Comparison, MethodCurve
from s2dnas.profile.machine import processor

SHARES = (0.15, 0.25, 0.35, 0.5, 0.75)
"""Of the static network's macs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", type=Path, nargs="+", default=[], help="folders of s2dnas compare")
    parser.add_argument("--rank", type=Path, nargs="+", default=[], help="run folders that s2dnas rank was called with")
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    comparisons = [Comparison.model_validate(_body(folder / "compare.json", "compare")) for folder in given.compare]
    content = {
        "processor": processor(),
        "evaluators": [row for folder in given.rank for row in evaluators(folder)],
        "gains": [row for comparison in comparisons for row in gains(comparison)],
        "seconds": [row for comparison in comparisons for row in seconds(comparison)],
    }
    write_json(given.json, "search", content)
    for row in summary(content["gains"]):
        print(row)


def evaluators(folder: Path) -> Iterator[dict[str, Any]]:
    """A row per evaluator: Kendall's tau, its interval, and what a plan costs."""
    found, start = _body(folder / "rank" / "rank.json", "rank"), _body(folder / "run.json", "run")
    of = {"network": start["model"], "data": start["data"], "plans": len(found["plans"]), "epochs": found["epochs"]}
    yield from ({**of, **rank} for rank in found["evaluators"])


def gains(found: Comparison) -> Iterator[dict[str, Any]]:
    """A row per seed and share of macs that both plans reach."""
    for seed, (searched, uniform) in pairs(found).items():
        static = next(control.macs for control in found.static if control.seed == seed)
        for share in SHARES:
            values = {name: at(curve, share * static) for name, curve in (("searched", searched), ("uniform", uniform))}
            if None not in values.values():
                yield {"data": found.data, "network": found.model, "seed": seed, "macs_share": share, **values}


def pairs(found: Comparison) -> dict[int, tuple[MethodCurve, MethodCurve]]:
    """The plan of the search and the best uniform one, by seed."""
    curves = {(curve.seed, curve.method): curve for curve in found.curves}
    seeds = [seed for seed, method in curves if method == "best-uniform"]
    return {seed: (curves[seed, "s2dnas"], curves[seed, "best-uniform"]) for seed in seeds}


def at(curve: MethodCurve, macs: float) -> float | None:
    """Accuracy at a mean cost, between the two nearest settings; None outside of the curve."""
    costs, accuracy = (np.array([getattr(point, name) for point in curve.points]) for name in ("mean_macs", "accuracy"))
    order = np.argsort(costs, kind="stable")
    if not costs[order[0]] <= macs <= costs[order[-1]]:
        return None
    return float(np.interp(macs, costs[order], accuracy[order]))


def seconds(found: Comparison) -> Iterator[dict[str, Any]]:
    """What the search took, and the training of the searched network."""
    for curve in found.curves:
        if curve.method == "s2dnas":
            took = {"search": curve.search_seconds, "training": curve.seconds}
            yield {"data": found.data, "network": found.model, "seed": curve.seed, **took}


def summary(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A line per data set, network and share: the mean gain over seeds and its standard error."""
    keys = dict.fromkeys((row["data"], row["network"], row["macs_share"]) for row in rows)
    for key in keys:
        own = [row for row in rows if (row["data"], row["network"], row["macs_share"]) == key]
        gain = 100 * np.array([row["searched"] - row["uniform"] for row in own])
        error = f"{gain.std(ddof=1) / np.sqrt(len(gain)):.2f}" if len(gain) > 1 else "?"
        yield f"{key[1]}, {Path(key[0]).name}, {key[2]:.0%}: {gain.mean():+.2f} +- {error} points ({len(gain)} seeds)"


def _body(path: Path, kind: str) -> dict[str, Any]:
    return {name: value for name, value in read_json(path, kind).items() if name not in ("format", "version")}


if __name__ == "__main__":
    main()
