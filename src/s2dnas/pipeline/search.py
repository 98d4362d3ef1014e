"""Search a plan."""

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
from s2dnas.space.cost import CostModel, cost_model
from s2dnas.space.plan import Plan
from s2dnas.training.loop import Progress


def search_plan(run: Run) -> None:
    """Search among plans that are not trained; the one of the highest reward goes to plan.json.

    With several finalists, it is the one of the highest reward after a short training.
    """
    settings, data = run.settings.search, run.feed.splits.search
    images = data.subset(torch.arange(min(settings.images, len(data))))
    objective = _objective(settings, run.settings.exits.confidence, run.statics.graph.macs)
    scored_by = partial(evaluator, search_batches=list(run.feed.plain(images)), objective=objective)
    entries = _search(run, scored_by(_networks(run)))
    limits = _limits(settings, run.statics.graph.macs)
    affordable, costs = _affordable(entries, cost_model(run.study.graph), limits)
    best = finalists(affordable, costs, settings.finalists)
    plan = choose_finalist(run.folder, best, scored_by(partial(train_finalist, run)))
    plan.save(run.folder.path / "plan.json")


def search_seconds(folder: RunFolder) -> float:
    """How long plans were scored and finalists trained; the shared network's training is not counted."""
    return trial_seconds(folder) + sum(entry.seconds for entry in read_journal(folder.finished("journal.jsonl")))


def _objective(settings: SearchSettings, confidence: str, static_macs: int) -> Objective:
    return Objective(
        static_macs=static_macs,
        budgets=tuple(budget * static_macs for budget in settings.budgets),
        exponent=settings.exponent,
        confidence=confidence,
        resolution=settings.resolution,
        stage_limits=tuple(limit * static_macs for limit in settings.stage_limits),
    )


def _affordable(entries: Sequence[Entry], model: CostModel, limits: Sequence[float]) -> tuple[list[Entry], list[float]]:
    """Those whose stages keep their limits, and the first stage's macs. Raises BudgetError if there is none."""
    costs = [model.macs(entry.plan).tolist() for entry in entries]
    kept = [
        (entry, macs[0]) for entry, macs in zip(entries, costs, strict=True) if limit_penalty(limits, macs) > 1 - 1e-9
    ]
    if not kept:
        nearest = max(costs, key=lambda macs: limit_penalty(limits, macs))
        raise BudgetError(
            f"none of the {len(entries)} plans that were scored has stages of {_in_millions(limits)} M macs or less, "
            f"the nearest has {_in_millions(nearest)} M; start a new run folder with higher search.budgets or "
            "search.stage_limits, or with more search.evaluations"
        )
    return [entry for entry, _ in kept], [macs for _, macs in kept]


def _limits(settings: SearchSettings, static_macs: int) -> tuple[float, ...]:
    """What the stages may cost, in macs, from the first, which must not exceed the smallest budget."""
    first, *later = settings.stage_limits or (math.inf,)
    return tuple(limit * static_macs for limit in (min(first, *settings.budgets), *later))


def _in_millions(macs: Sequence[float]) -> str:
    return " / ".join(f"{each / 1e6:.2f}" for each in macs)


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
