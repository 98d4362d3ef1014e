"""Search a plan."""

import logging
from collections.abc import Callable
from functools import partial

import torch

from s2dnas.inherit.norms import with_recalibrated_norms
from s2dnas.masked.shared import MaskedNet
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import SearchSettings
from s2dnas.pipeline.training import train_shared
from s2dnas.pipeline.trials import choose_finalist, train_finalist, trial_seconds
from s2dnas.search.evaluators import Objective, evaluator
from s2dnas.search.finalists import finalists
from s2dnas.search.journal import Entry, Score, read_journal
from s2dnas.search.loop import search
from s2dnas.search.registry import make_strategy
from s2dnas.space.alignment import slow_pieces
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
    firsts = [float(cost.shares(entry.plan)[0]) for entry in entries]
    best = finalists(entries, firsts, settings.finalists)
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
    )


def _networks(run: Run) -> Callable[[Plan], MaskedNet]:
    """How a plan gets weights to be scored with: fitted to it, or those of the shared network, which is trained now."""
    if run.settings.search.weights == "reconstructed":
        return run.networks.reconstructed
    shared = run.networks.shared()
    train_shared(run, shared)
    return partial(with_recalibrated_norms, shared, batches=[run.feed.norm_images])


def _search(run: Run, evaluate: Callable[[Plan], Score]) -> list[Entry]:
    settings, space = run.settings.search, run.study.space
    limits = run.pricing.limits(space)
    strategy = make_strategy(settings.strategy, space, run.seeds.of("search"), run.settings.controller, limits)

    def tell(index: int, entry: Entry) -> None:
        run.watch("search", Progress(index + 1, settings.evaluations, -entry.score.reward))

    return search(strategy, evaluate, settings.evaluations, settings.batch, run.folder.path / "journal.jsonl", tell)
