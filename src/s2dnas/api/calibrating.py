"""Set the thresholds of a network for a budget, or for what its accuracy may lose."""

import numpy as np
from torch import nn

from s2dnas.api.loaders import Loader, check_loader
from s2dnas.calibration import certify_accuracy, for_accuracy, for_budget, frontier, halves
from s2dnas.errors import SettingsError
from s2dnas.evaluation.collect import stage_logits, static_predictions
from s2dnas.exits import ExitRule, ExitTable
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE
from s2dnas.space.costs import Cost
from s2dnas.staged.build import MultiStageNet


def calibrate(
    network: MultiStageNet,
    loader: Loader,
    *,
    cost: Cost | None = None,
    budget: float | None = None,
    max_drop: float | None = None,
    static: nn.Module | None = None,
    certainty: float | None = None,
    confidence: str = DEFAULT_CONFIDENCE,
    seed: int = 0,
) -> ExitRule:
    """The exit rule of a network for one target, on images and labels that it was not trained on.

    ``budget``: the most accurate rule whose mean cost is at most this share of the static network's; ``cost`` says
    what plans cost, multiply-adds without it. ``max_drop``: the cheapest rule that loses at most so many points of
    accuracy against the ``static`` network; with a ``certainty`` in (0, 1), such as 0.9, that holds for new samples
    with that probability (Learn then Test).
    Raises SettingsError unless exactly one target is given, BudgetError if no thresholds reach it, and DataError if
    the loader does not fit the network.
    """
    _check_target(budget, max_drop, static, certainty)
    check_loader(loader, "loader", network.info.image_shape, network.info.num_classes)
    logits, labels = stage_logits(network, loader)
    answers = None if static is None else static_predictions(static, loader)
    table = ExitTable.from_logits(logits, labels, np.array(network.macs), confidence, answers)
    if cost is not None:
        table = table.priced(cost.of(network.info.plan), cost.unit)
    if budget is not None:
        whole = network.info.static_macs if cost is None else cost.static
        return for_budget(frontier(table, expected=True), budget * whole)
    assert max_drop is not None
    assert answers is not None
    if certainty is None:
        floor = float(np.mean(answers == labels)) - max_drop / 100
        return for_accuracy(frontier(table, expected=True), floor)
    chosen, tested = halves(table.num_samples, np.random.default_rng(seed))
    return certify_accuracy(table.take(chosen), table.take(tested), max_drop / 100, 1 - certainty)


def _check_target(
    budget: float | None, max_drop: float | None, static: nn.Module | None, certainty: float | None
) -> None:
    if (budget is None) == (max_drop is None):
        raise SettingsError("give one target: budget (a share of the static cost) or max_drop (points of accuracy)")
    if budget is not None and certainty is not None:
        raise SettingsError("certainty belongs to max_drop: a budget is kept on average, not promised")
    if max_drop is not None and static is None:
        raise SettingsError("max_drop needs the static network that accuracy is compared with: static=model")
    if certainty is not None and not 0 < certainty < 1:
        raise SettingsError(f"certainty must lie in (0, 1), not {certainty}; take 0.9")
