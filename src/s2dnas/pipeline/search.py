"""Search a plan."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch

from s2dnas.errors import BudgetError
from s2dnas.inherit.norms import with_recalibrated_norms
from s2dnas.masked.shared import MaskedNet
from s2dnas.pipeline.networks import new_shared, reconstructed_at
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import train_shared
from s2dnas.pipeline.trials import choose_finalist, train_finalist, trial_seconds
from s2dnas.search.evaluators import Objective, evaluator, limit_penalty
from s2dnas.search.finalists import finalists
from s2dnas.search.journal import Entry, Score, read_journal
from s2dnas.search.loop import search
from s2dnas.search.registry import make_strategy
from s2dnas.space.cost import cost_model
from s2dnas.space.plan import Plan
from s2dnas.training.loop import Progress


def find_plan(run: Run) -> None:
    """Search among plans that are not trained; the best one, or the winner among finalists, goes to plan.json."""
    settings, macs = run.settings.search, run.static_graph.macs
    picked = run.splits.search.subset(torch.arange(min(settings.images, len(run.splits.search))))
    objective = Objective(
        static_macs=macs,
        budgets=tuple(budget * macs for budget in settings.budgets),
        exponent=settings.exponent,
        confidence=run.settings.exits.confidence,
        resolution=settings.resolution,
        stage_limits=tuple(limit * macs for limit in settings.stage_limits),
    )
    scored_by = partial(evaluator, search_batches=list(run.plain(picked)), objective=objective)
    affordable, costs = _affordable(run, _search(run, scored_by(_networks(run))))
    chosen = choose_finalist(
        run, finalists(affordable, costs, settings.finalists), scored_by(partial(train_finalist, run))
    )
    chosen.save(run.folder / "plan.json")


def search_seconds(run: Run) -> float:
    """How long plans were scored and finalists trained; the shared network's training is a step of its own."""
    return trial_seconds(run) + sum(entry.seconds for entry in read_journal(run.finished("journal.jsonl")))


def _affordable(run: Run, entries: list[Entry]) -> tuple[list[Entry], list[float]]:
    """Those whose stages keep their limits, and the first stage's macs. Raises BudgetError if there is none."""
    limits, model = _limits(run), cost_model(run.graph)
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


def _limits(run: Run) -> tuple[float, ...]:
    """What the stages may cost, in macs, from the first: it must not exceed the smallest budget."""
    first, *later = run.settings.search.stage_limits or (math.inf,)
    return tuple(limit * run.static_graph.macs for limit in (min(first, *run.settings.search.budgets), *later))


def _in_millions(macs: Sequence[float]) -> str:
    return " / ".join(f"{each / 1e6:.2f}" for each in macs)


def _networks(run: Run) -> Callable[[Plan], MaskedNet]:
    """How a plan gets weights to be scored with: fitted to it, or those of the shared network, which is trained now."""
    if run.settings.search.weights == "reconstructed":
        return partial(reconstructed_at, run)
    shared = new_shared(run)
    train_shared(run, shared)
    return partial(with_recalibrated_norms, shared, batches=[run.norm_images])


def _search(run: Run, evaluate: Callable[[Plan], Score]) -> list[Entry]:
    settings = run.settings.search
    strategy = make_strategy(settings.strategy, run.space, run.seed("search"), run.settings.controller)

    def tell(index: int, entry: Entry) -> None:
        run.watch("search", Progress(index + 1, settings.evaluations, -entry.score.reward))

    return search(strategy, evaluate, settings.evaluations, settings.batch, run.folder / "journal.jsonl", tell)
