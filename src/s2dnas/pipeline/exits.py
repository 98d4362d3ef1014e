"""Set thresholds on the calibration split, then answer the test split with them."""

import time
from collections.abc import Callable, Mapping
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
from s2dnas.pipeline.feed import DataFeed
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import ExitSettings
from s2dnas.space.costs import Cost

_Choose = Callable[[], ExitRule]


def set_thresholds(run: Run) -> None:
    """Choose thresholds for every target on the calibration split; rules.json holds them.

    Promises are chosen on one half of the split and tested on the other, which then takes no part in fitting scores.
    """
    start = time.perf_counter()
    exits, data = run.settings.exits, run.feed.splits.calibrate
    promised = bool(exits.guarantees or exits.agreements)
    chosen, tested = halves(len(data), np.random.default_rng(run.seeds.of("guarantee")))
    net, static = run.networks.trained(), static_predictions(run.statics.trained, run.feed.plain(data))
    logits, labels = stage_logits(net, run.feed.plain(data))
    fit = Fit(exits.confidence, exits.temperature, exits.predictor, exits.surest)
    in_macs = calibration_table(fit, logits, labels, np.array(net.macs), static, chosen if promised else None)
    cost = run.pricing.cost
    table = in_macs.priced(cost.of(net.info.plan), cost.unit)
    table.save(run.folder.path / "calibrate.npz")
    accuracy = float(np.mean(static == labels))
    targets = _targets(exits, table, accuracy, cost)
    promises = _promises(exits, table.take(chosen), table.take(tested)) if promised else {}
    content = {**_chosen({**targets, **promises}), "static_accuracy": accuracy}
    write_json(run.folder.path / "rules.json", "rules", content | {"seconds": time.perf_counter() - start})


def answer_test(run: Run) -> None:
    """Answer the test split: the dynamic network's exit table, and the static networks' accuracies."""
    rules(run.folder)  # the test split is not read before thresholds are set
    start = time.perf_counter()
    confidence = ExitTable.load(run.folder.finished("calibrate.npz")).confidence
    data = run.feed.splits.test
    net, static = run.networks.trained(), static_predictions(run.statics.trained, run.feed.plain(data))
    logits, labels = stage_logits(net, run.feed.plain(data))
    cost = run.pricing.cost
    in_macs = ExitTable.from_logits(logits, labels, np.array(net.macs), confidence, static)
    in_macs.priced(cost.of(net.info.plan), cost.unit).save(run.folder.path / "test.npz")
    content = {"static": float(np.mean(static == labels))}
    if run.settings.control:
        content["control"] = on_test(run.feed, run.statics.after("control"))
    write_json(run.folder.path / "static.json", "static", content | {"seconds": time.perf_counter() - start})


def on_test(feed: DataFeed, static: nn.Module) -> float:
    """The accuracy of a static network on the test split, in [0, 1]."""
    return static_accuracy(static, feed.plain(feed.splits.test))


def rules(folder: RunFolder) -> dict[str, ExitRule]:
    """The calibrated rule of each target that can be reached. Raises ArtifactError before thresholds are set."""
    content = read_json(folder.finished("rules.json"), "rules")
    return {target: ExitRule.from_dict(rule) for target, rule in content["rules"].items()}


def _chosen(targets: Mapping[str, _Choose]) -> dict[str, dict[str, object]]:
    """The rule of each target, and why there is none for the others."""
    rules: dict[str, object] = {}
    unreached: dict[str, object] = {}
    for target, choose in targets.items():
        try:
            rules[target] = choose().to_dict()
        except BudgetError as error:
            unreached[target] = str(error)
    return {"rules": rules, "unreached": unreached}


def _targets(exits: ExitSettings, table: ExitTable, static_accuracy: float, cost: Cost) -> dict[str, _Choose]:
    """How the rule of each target is chosen that is to be met on the samples of ``table``."""
    front = frontier(table, expected=exits.expected)
    budgets = {
        f"{cost.unit} <= {share:.0%} of static": partial(for_budget, front, share * cost.static)
        for share in exits.budgets
    }
    floors = {
        f"at most {points:g} points under static": partial(for_accuracy, front, static_accuracy - points / 100)
        for points in exits.losses
    }
    return {**budgets, **floors}


def _promises(exits: ExitSettings, chosen: ExitTable, tested: ExitTable) -> dict[str, _Choose]:
    """How the rule of each target is chosen that is to be met on new samples."""
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
