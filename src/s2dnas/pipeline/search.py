"""Search a plan."""

import logging
import math
from collections.abc import Callable, Sequence
from functools import partial

import torch

from s2dnas.errors import BudgetError
from s2dnas.inherit.norms import with_recalibrated_norms
from s2dnas.masked.shared import MaskedNet
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import SearchSettings
from s2dnas.pipeline.training import train_shared
from s2dnas.pipeline.trials import choose_finalist, train_finalist, trial_seconds
from s2dnas.search.evaluators import Objective, evaluator, limit_penalty
from s2dnas.search.finalists import finalists
from s2dnas.search.journal import Entry, Score, read_journal
from s2dnas.search.loop import search
from s2dnas.search.registry import make_strategy
from s2dnas.space.alignment import slow_pieces
from s2dnas.space.costs import Cost
from s2dnas.space.plan import Plan
from s2dnas.training.loop import Progress

_log = logging.getLogger(__name__)


def search_plan(run: Run) -> None:
    """Search among plans that are not trained; the one of the highest reward goes to plan.json.

    With several finalists, it is the one of the highest reward after a short training.
    """
    settings, data = run.settings.search, run.feed.splits.search
    images = data.subset(torch.arange(min(settings.images, len(data))))
    cost = run.pricing.cost
    if warning := slow_pieces(run.study.graph, run.study.space):
        _log.warning("%s", warning)
    objective = _objective(settings, run.settings.exits.confidence, cost.static)
    scored_by = partial(evaluator, search_batches=list(run.feed.plain(images)), objective=objective, cost=cost)
    entries = _search(run, scored_by(_networks(run)))
    affordable, firsts = _affordable(entries, cost, _limits(settings))
    best = finalists(affordable, firsts, settings.finalists)
    plan = choose_finalist(run.folder, best, scored_by(partial(train_finalist, run)))
    plan.save(run.folder.path / "plan.json")


def search_seconds(folder: RunFolder) -> float:
    """How long plans were scored and finalists trained; the shared network's training is not counted."""
    return trial_seconds(folder) + sum(entry.seconds for entry in read_journal(folder.finished("journal.jsonl")))


def _objective(settings: SearchSettings, confidence: str, static_cost: float) -> Objective:
    return Objective(
        static_cost=static_cost,
        budgets=tuple(budget * static_cost for budget in settings.budgets),
        exponent=settings.exponent,
        confidence=confidence,
        resolution=settings.resolution,
        stage_limits=tuple(limit * static_cost for limit in settings.stage_limits),
    )


def _affordable(entries: Sequence[Entry], cost: Cost, limits: Sequence[float]) -> tuple[list[Entry], list[float]]:
    """Those whose stages keep their limits, and what their first stages cost, as shares of the static network's.

    Raises BudgetError if there is none.
    """
    shares = [cost.shares(entry.plan).tolist() for entry in entries]
    kept = [
        (entry, own[0]) for entry, own in zip(entries, shares, strict=True) if limit_penalty(limits, own) > 1 - 1e-9
    ]
    if not kept:
        nearest = max(shares, key=lambda own: limit_penalty(limits, own))
        raise BudgetError(
            f"none of the {len(entries)} plans that were scored has stages of {_percent(limits)} % of the static "
            f"{cost.unit} or less, the nearest has {_percent(nearest)} %; start a new run folder with higher "
            "search.budgets or search.stage_limits, or with more search.evaluations"
        )
    return [entry for entry, _ in kept], [first for _, first in kept]


def _limits(settings: SearchSettings) -> tuple[float, ...]:
    """What the stages may cost, as shares, from the first, which must not exceed the smallest budget."""
    first, *later = settings.stage_limits or (math.inf,)
    return (min(first, *settings.budgets), *later)


def _percent(shares: Sequence[float]) -> str:
    return " / ".join(f"{100 * share:.1f}" for share in shares)


def _networks(run: Run) -> Callable[[Plan], MaskedNet]:
    """How a plan gets weights to be scored with: fitted to it, or those of the shared network, which is trained now."""
    if run.settings.search.weights == "reconstructed":
        return run.networks.reconstructed
    shared = run.networks.shared()
    train_shared(run, shared)
    return partial(with_recalibrated_norms, shared, batches=[run.feed.norm_images])


def _search(run: Run, evaluate: Callable[[Plan], Score]) -> list[Entry]:
    settings = run.settings.search
    strategy = make_strategy(settings.strategy, run.study.space, run.seeds.of("search"), run.settings.controller)

    def tell(index: int, entry: Entry) -> None:
        run.watch("search", Progress(index + 1, settings.evaluations, -entry.score.reward))

    return search(strategy, evaluate, settings.evaluations, settings.batch, run.folder.path / "journal.jsonl", tell)
