"""Search a plan with the trained shared network."""

import torch

from s2dnas.errors import BudgetError
from s2dnas.network.shared import SharedNet
from s2dnas.pipeline.networks import new_shared
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import train_shared
from s2dnas.search.evaluators import Objective, shared_evaluator
from s2dnas.search.journal import Entry
from s2dnas.search.loop import best, search
from s2dnas.search.strategy import make_strategy
from s2dnas.space.cost import cost_model
from s2dnas.training.loop import Progress


def find_plan(run: Run) -> None:
    """Train the shared network over sampled plans, then search with it; the best plan goes to plan.json."""
    shared = new_shared(run)
    train_shared(run, shared)
    entries = _search(run, shared)
    budget, model = min(run.settings.search.budgets) * run.graph.macs, cost_model(run.graph)
    first_stages = [float(model.macs(entry.plan)[0]) for entry in entries]
    affordable = [entry for entry, macs in zip(entries, first_stages, strict=True) if macs <= budget * (1 + 1e-12)]
    if not affordable:
        raise BudgetError(
            f"none of the {len(entries)} plans that were scored has a first stage of {budget / 1e6:.2f} M macs or "
            f"less, the cheapest has {min(first_stages) / 1e6:.2f} M; start a new run folder with higher "
            "search.budgets or more search.evaluations"
        )
    best(affordable).plan.save(run.folder / "plan.json")


def _search(run: Run, shared: SharedNet) -> list[Entry]:
    settings = run.settings.search
    strategy = make_strategy(settings.strategy, run.space, run.seed("search"), run.settings.controller)
    images = next(iter(run.plain(run.splits.train, settings.norm_images)))[0]
    picked = run.splits.search.subset(torch.arange(min(settings.images, len(run.splits.search))))
    objective = Objective(
        static_macs=run.graph.macs,
        budgets=tuple(budget * run.graph.macs for budget in settings.budgets),
        exponent=settings.exponent,
        confidence=run.settings.exits.confidence,
        resolution=settings.resolution,
    )
    evaluator = shared_evaluator(shared, [images], list(run.plain(picked)), objective)

    def tell(index: int, entry: Entry) -> None:
        run.watch("search", Progress(index + 1, settings.evaluations, -entry.score.reward))

    return search(strategy, evaluator, settings.evaluations, settings.batch, run.folder / "journal.jsonl", tell)
