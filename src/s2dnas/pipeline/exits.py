"""Set thresholds on the calibration split, then answer the test split with them."""

import time
from collections.abc import Callable
from functools import partial

from torch import nn

from s2dnas.artifacts import read_json, write_json
from s2dnas.errors import BudgetError
from s2dnas.evaluation.collect import collect, static_accuracy
from s2dnas.exits import ExitRule, for_accuracy, for_budget, frontier
from s2dnas.exits.pareto import Frontier
from s2dnas.pipeline.networks import trained
from s2dnas.pipeline.run import Run


def calibrate(run: Run) -> None:
    """Choose thresholds for every target on the calibration split; rules.json holds them."""
    start = time.perf_counter()
    table = collect(trained(run), run.plain(run.splits.calibrate), run.settings.exits.confidence)
    table.save(run.folder / "calibrate.npz")
    static = static_accuracy(run.static, run.plain(run.splits.calibrate))
    rules: dict[str, dict[str, object]] = {}
    unreached: dict[str, str] = {}
    for target, choose in _targets(run, frontier(table), static).items():
        try:
            rules[target] = choose().to_dict()
        except BudgetError as error:
            unreached[target] = str(error)
    content = {"rules": rules, "unreached": unreached, "static_accuracy": static}
    write_json(run.folder / "rules.json", "rules", content | {"seconds": time.perf_counter() - start})


def evaluate(run: Run) -> None:
    """Answer the test split: the dynamic network's exit table, and the static networks' accuracies."""
    rules(run)  # the test split is not read before thresholds are set
    start = time.perf_counter()
    collect(trained(run), run.plain(run.splits.test), run.settings.exits.confidence).save(run.folder / "test.npz")
    content = {"static": on_test(run, run.static)}
    if run.settings.equal:
        content["equal"] = on_test(run, run.trained_static("equal"))
    write_json(run.folder / "static.json", "static", content | {"seconds": time.perf_counter() - start})


def on_test(run: Run, static: nn.Module) -> float:
    """The accuracy of a static network on the test split."""
    return static_accuracy(static, run.plain(run.splits.test))


def rules(run: Run) -> dict[str, ExitRule]:
    """The calibrated rule of each target that can be reached."""
    content = read_json(run.finished("rules.json"), "rules")
    return {target: ExitRule.from_dict(rule) for target, rule in content["rules"].items()}


def _targets(run: Run, front: Frontier, static: float) -> dict[str, Callable[[], ExitRule]]:
    """How the rule of each target is chosen; ``static`` is the static network's accuracy on the calibration split."""
    budgets = {
        f"macs <= {share:.0%} of static": partial(for_budget, front, share * run.graph.macs)
        for share in run.settings.exits.budgets
    }
    floors = {
        f"at most {points:g} points under static": partial(for_accuracy, front, static - points / 100)
        for points in run.settings.exits.losses
    }
    return {**budgets, **floors}
