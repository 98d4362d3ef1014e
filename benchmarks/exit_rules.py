"""Exit rules at equal mean macs on one trained network, and whether promises are kept.

python benchmarks/exit_rules.py runs/demo --json results/exit-rules/demo.json --markdown results/exit-rules/demo.md

RUN is a folder whose network is trained (step `train`). Its logits on the calibration and test splits are collected
once, into RUN/logits.npz; what follows takes a minute or two on one thread. Rules are set on the calibration split
alone. Their accuracies on the test split are read off between two neighbouring rules of equal mean macs there.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from s2dnas.artifacts import read_arrays, write_arrays, write_json
from s2dnas.baselines.q_family import q_family
from s2dnas.calibration import (
    TARGETS,
    Fit,
    calibration_table,
    certify_accuracy,
    certify_agreement,
    frontier,
    greedy_family,
    hindsight,
)
from s2dnas.errors import BudgetError
from s2dnas.evaluation.collect import stage_logits, static_predictions
from s2dnas.exits import CONFIDENCES, ExitRule, ExitTable, accuracy, decide, mean_cost
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run

SHARES = (0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1.0)
RULES = 100
RESAMPLES = 100
POINTS = (1.0, 2.0)
ALIKE = (0.9, 0.95)
BASE = "max_probability"

Row = dict[str, object]
Family = Callable[[ExitTable], Sequence[ExitRule]]


@dataclass(frozen=True)
class Answers:
    """Logits (S, N, K), labels (N,) and the static network's predictions (N,) of a split; macs (S,)."""

    logits: np.ndarray
    labels: np.ndarray
    static: np.ndarray
    macs: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="mean macs, as shares of static")
    parser.add_argument("--divisions", type=int, default=200)
    parser.add_argument("--delta", type=float, default=0.1)
    given = parser.parse_args()
    run = open_run(given.run, None)
    calibrate, test = (collected(run, split) for split in ("calibrate", "test"))
    static_macs = float(run.statics.graph.macs)
    found = {
        "model": run.start.model,
        "data": run.start.data,
        "samples": {"calibrate": len(calibrate.labels), "test": len(test.labels)},
        "static_accuracy": float(np.mean(test.static == test.labels)),
        "shares": list(given.shares),
        "rules": compared(calibrate, test, static_macs * np.array(given.shares)),
        "delta": given.delta,
        "divisions": given.divisions,
        "promises": promises(calibrate, test, static_macs, given.divisions, given.delta),
    }
    write_json(given.json, "exit_rules", found)
    print(markdown(found))
    if given.markdown:
        given.markdown.write_text(markdown(found))


def collected(run: Run, split: str) -> Answers:
    """What the trained network and the static one answer on a split; from RUN/logits.npz once that is there."""
    path = run.folder.path / "logits.npz"
    if not path.exists():
        net, arrays = run.networks.trained(), {}
        for name in ("calibrate", "test"):
            data = getattr(run.feed.splits, name)
            logits, labels = stage_logits(net, run.feed.plain(data))
            arrays[f"{name}.logits"], arrays[f"{name}.labels"] = logits.astype(np.float32), labels
            arrays[f"{name}.static"] = static_predictions(run.statics.trained, run.feed.plain(data))
        write_arrays(path, arrays | {"macs": np.array(net.macs)})
    arrays = read_arrays(path)
    return Answers(*(arrays[f"{split}.{part}"] for part in ("logits", "labels", "static")), arrays["macs"])


# rules at equal mean macs


def jointly(table: ExitTable, *, expected: bool = False) -> list[ExitRule]:
    """The rules of the frontier."""
    front = frontier(table, 200, expected=expected).thin(RULES)
    return [front.rule(index) for index in range(len(front))]


def contenders() -> dict[str, tuple[Fit, Family]]:
    """What is compared: how scores are made, and how thresholds are set on them."""
    measures = {name: (Fit(name), jointly) for name in CONFIDENCES}
    warmed = {f"{name}, temperature": (Fit(name, temperature=True), jointly) for name in CONFIDENCES}
    predictors = {f"predictor of {target}": (Fit(predictor=target), jointly) for target in TARGETS}
    surest = {
        "surest so far": (Fit(BASE, surest=True), jointly),
        "surest so far, temperature": (Fit(BASE, surest=True, temperature=True), jointly),
        "surest so far, predictor": (Fit(BASE, surest=True, predictor="correctness"), jointly),
    }
    smooth = partial(jointly, expected=True)
    expected = {
        "max_probability, expected answers": (Fit(BASE), smooth),
        "margin, expected answers": (Fit("margin"), smooth),
    }
    others: dict[str, tuple[Fit, Family]] = {
        "q-family": (Fit(BASE), q_family),
        "greedy grid": (Fit(BASE), greedy_family),
    }
    return {**measures, **warmed, **predictors, **surest, **expected, **others}


def compared(calibrate: Answers, test: Answers, budgets: np.ndarray) -> list[Row]:
    """One row per contender: test accuracies at mean macs (B,), None below the cheapest rule; the oracle last.

    ``difference`` is to the joint thresholds on max probability, ``error`` its standard error over resampled tests.
    """
    count = len(test.labels)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    weights = np.concatenate([np.ones((1, count)), drawn]) / count
    found = {name: _at(*contender, calibrate, test, budgets, weights) for name, contender in contenders().items()}
    rows = [_row(name, values, values - found[BASE]) for name, values in found.items()]
    bound = hindsight(ExitTable.from_logits(test.logits, test.labels, test.macs))
    best = np.where(budgets >= bound.costs[0], np.interp(budgets, bound.costs, bound.accuracy), np.nan)
    return [*rows, _row("oracle", best[None], best[None] - found[BASE])]


def _at(
    fit: Fit, family: Family, calibrate: Answers, test: Answers, budgets: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Accuracies (W, B) at the budgets, for each weighting (W, N) of the test samples."""
    table = calibration_table(fit, calibrate.logits, calibrate.labels, calibrate.macs)
    unseen = ExitTable.from_logits(test.logits, test.labels, test.macs, table.confidence)
    outcomes = [decide(unseen, rule) for rule in family(table)]
    macs = np.array([o.costs for o in outcomes]) @ weights.T
    right = np.array([o.predictions == o.labels for o in outcomes], dtype=float) @ weights.T
    return np.array([_between(macs[:, column], right[:, column], budgets) for column in range(len(weights))])


def _between(macs: np.ndarray, right: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    order = np.argsort(macs, kind="stable")
    values = np.interp(budgets, macs[order], right[order])
    return np.where(budgets >= macs.min() * (1 - 1e-9), values, np.nan)


def _row(name: str, values: np.ndarray, differences: np.ndarray) -> Row:
    errors = differences[1:].std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)
    parts = {"accuracy": values[0], "difference": differences[0], "error": errors}
    return {"rule": name, **{key: [_number(value) for value in part] for key, part in parts.items()}}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


# promises


def promises(calibrate: Answers, test: Answers, static_macs: float, divisions: int, delta: float) -> list[Row]:
    """How often each promise fails when all samples are divided anew, and what share of the static macs it saves.

    Rules are chosen on as many samples as half of the calibration split, taken out of all; as many to test them are
    drawn, with replacement, from the rest, whose accuracy is the truth. What cannot be promised saves nothing.
    """
    logits = np.concatenate([calibrate.logits, test.logits], axis=1)
    labels, static = (
        np.concatenate([getattr(part, name) for part in (calibrate, test)]) for name in ("labels", "static")
    )
    table = ExitTable.from_logits(logits, labels, calibrate.macs, BASE, static)
    kinds = [("accuracy", certify_accuracy, points / 100) for points in POINTS]
    kinds += [("agreement", certify_agreement, 1 - share) for share in ALIKE]
    size = len(calibrate.labels) // 2
    rows = []
    for kind, promise, epsilon in kinds:
        rng, saved, failed = np.random.default_rng(0), [], 0
        for _ in range(divisions):
            order = rng.permutation(table.num_samples)
            chosen, rest = table.take(order[:size]), order[size:]
            try:
                rule = promise(chosen, table.take(rng.choice(rest, size)), epsilon, delta)
            except BudgetError:
                continue
            truth = table.take(rest) if kind == "accuracy" else table.take(rest).like_static
            outcomes = decide(truth, rule)
            failed += accuracy(outcomes) < np.mean(truth.static == truth.labels) - epsilon
            saved.append(1 - mean_cost(outcomes) / static_macs)
        shares = {"promised": len(saved) / divisions, "failed": failed / divisions, "saved": sum(saved) / divisions}
        rows.append({"kind": kind, "epsilon": epsilon, **shares})
    return rows


# page


def markdown(found: Row) -> str:
    """Both tables."""
    samples = found["samples"]
    head = [f"{found['model']} on {found['data']}: thresholds from {samples['calibrate']} samples, accuracy in % on"]
    head += [f"{samples['test']} others at mean macs as a share of static ({found['static_accuracy']:.2%}); behind it"]
    head += ["the difference to joint thresholds on max probability and its standard error.", ""]
    lines = ["| rule | " + " | ".join(f"{share:.0%}" for share in found["shares"]) + " |"]
    lines += ["|---" * (len(found["shares"]) + 1) + "|"]
    for row in found["rules"]:
        cells = map(_cell, row["accuracy"], row["difference"], row["error"])
        lines.append(f"| {row['rule']} | " + " | ".join(cells) + " |")
    lines += ["", f"Promises over {found['divisions']} divisions, each with {1 - found['delta']:.0%} certainty:", ""]
    lines += ["| promise | can be given | fails | saves of static macs |", "|---|---|---|---|"]
    for row in found["promises"]:
        limit = 100 * row["epsilon"]
        text = {"accuracy": f"at most {limit:g} points under static", "agreement": f"{100 - limit:g}% as static"}
        lines.append(f"| {text[row['kind']]} | {row['promised']:.1%} | {row['failed']:.1%} | {row['saved']:.1%} |")
    return "\n".join([*head, *lines, ""])


def _cell(right: float | None, difference: float | None, error: float | None) -> str:
    if right is None:
        return "-"
    if difference is None:
        return f"{100 * right:.2f}"
    spread = "" if error is None else f" ± {100 * error:.2f}"
    return f"{100 * right:.2f} ({100 * difference:+.2f}{spread})" if difference or error else f"{100 * right:.2f}"


if __name__ == "__main__":
    main()
