"""Set thresholds on the calibration split, then answer the test split with them."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from torch import nn

from s2dnas.artifacts import read_json, write_json
from s2dnas.calibration import (
    Fit,
    calibration_table,
    certify_accuracy,
    certify_agreement,
    for_accuracy,
    for_budget,
    frontier,
    halves,
)
from s2dnas.errors import BudgetError
from s2dnas.evaluation.collect import stage_logits, static_accuracy, static_predictions
from s2dnas.exits import ExitRule, ExitTable
from s2dnas.pipeline.networks import trained
from s2dnas.pipeline.run import Run

_Choose = Callable[[], ExitRule]


def set_thresholds(run: Run) -> None:
    """Choose thresholds for every target on the calibration split; rules.json holds them.

    Promises are chosen on one half of the split and tested on the other, which then takes no part in fitting scores.
    """
    start = time.perf_counter()
    exits = run.settings.exits
    net, static = trained(run), static_predictions(run.static, run.plain(run.splits.calibrate))
    logits, labels = stage_logits(net, run.plain(run.splits.calibrate))
    fit = Fit(exits.confidence, exits.temperature, exits.predictor, exits.surest)
    promised = bool(exits.guarantees or exits.agreements)
    chosen, tested = halves(len(labels), np.random.default_rng(run.seed("guarantee")))
    table = calibration_table(fit, logits, labels, np.array(net.macs), static, chosen if promised else None)
    table.save(run.folder / "calibrate.npz")
    accuracy = float(np.mean(static == labels))
    rules: dict[str, dict[str, object]] = {}
    unreached: dict[str, str] = {}
    promises = _promises(run, table.take(chosen), table.take(tested)) if promised else {}
    for target, choose in {**_targets(run, table, accuracy), **promises}.items():
        try:
            rules[target] = choose().to_dict()
        except BudgetError as error:
            unreached[target] = str(error)
    content = {"rules": rules, "unreached": unreached, "static_accuracy": accuracy}
    write_json(run.folder / "rules.json", "rules", content | {"seconds": time.perf_counter() - start})


def answer_test(run: Run) -> None:
    """Answer the test split: the dynamic network's exit table, and the static networks' accuracies."""
    rules(run)  # the test split is not read before thresholds are set
    start = time.perf_counter()
    confidence = ExitTable.load(run.finished("calibrate.npz")).confidence
    net, static = trained(run), static_predictions(run.static, run.plain(run.splits.test))
    logits, labels = stage_logits(net, run.plain(run.splits.test))
    ExitTable.from_logits(logits, labels, np.array(net.macs), confidence, static).save(run.folder / "test.npz")
    content = {"static": float(np.mean(static == labels))}
    if run.settings.control:
        content["control"] = on_test(run, run.trained_static("control"))
    write_json(run.folder / "static.json", "static", content | {"seconds": time.perf_counter() - start})


def on_test(run: Run, static: nn.Module) -> float:
    """The accuracy of a static network on the test split."""
    return static_accuracy(static, run.plain(run.splits.test))


def rules(run: Run) -> dict[str, ExitRule]:
    """The calibrated rule of each target that can be reached."""
    content = read_json(run.finished("rules.json"), "rules")
    return {target: ExitRule.from_dict(rule) for target, rule in content["rules"].items()}


def _targets(run: Run, table: ExitTable, static: float) -> dict[str, _Choose]:
    """How the rule of each target is chosen that is to be met on the calibration split, where static is so accurate."""
    exits, macs = run.settings.exits, run.static_graph.macs
    front = frontier(table, expected=exits.expected)
    budgets = {f"macs <= {share:.0%} of static": partial(for_budget, front, share * macs) for share in exits.budgets}
    floors = {
        f"at most {points:g} points under static": partial(for_accuracy, front, static - points / 100)
        for points in exits.losses
    }
    return {**budgets, **floors}


def _promises(run: Run, chosen: ExitTable, tested: ExitTable) -> dict[str, _Choose]:
    """How the rule of each target is chosen that is to be met on new samples."""
    exits = run.settings.exits
    certain = f"{1 - exits.delta:.0%} certain"
    accurate = {
        f"at most {points:g} points under static, {certain}": partial(
            certify_accuracy, chosen, tested, points / 100, exits.delta
        )
        for points in exits.guarantees
    }
    alike = {
        f"{100 * share:g}% answered as by static, {certain}": partial(
            certify_agreement, chosen, tested, 1 - share, exits.delta
        )
        for share in exits.agreements
    }
    return {**accurate, **alike}
