"""Search by prediction: a few plans are trained for a little while, and what they become predicts all others."""

import logging
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.exits import ExitTable
from s2dnas.pipeline.judging import Judge
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.trials import Trials
from s2dnas.search.journal import Entry, Score
from s2dnas.search.surrogate import Surrogate, far_apart, fitted
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan
from s2dnas.space.profiles import draw_around_a_profile

_log = logging.getLogger(__name__)

_CANDIDATES = 200
"""Plans that anchors are chosen from."""

Rounds = Callable[[str, int, Callable[[Plan], Score]], list[Entry]]
"""A search: the name of its journal, how many evaluations, the evaluator."""


def search_by_prediction(run: Run, judge: Judge, trials: Trials, search: Rounds) -> list[Plan]:
    """The plans that were trained, the best first: some anchors, and the most promising ones of each round."""
    settings, limits = run.settings.search, run.limits
    features = PlanFeatures(judge)
    known = {plan: trials.score(plan).reward for plan in anchors(limits, settings.anchors, run.seeds.of("anchors"))}
    for number in range(1, settings.rounds + 1):
        surrogate = fitted(np.stack([features(plan) for plan in known]), list(known.values()))
        name = "journal.jsonl" if number == settings.rounds else f"journal-{number}.jsonl"
        entries = search(name, max(1, settings.evaluations // settings.rounds), features.evaluator(surrogate))
        for plan in _promising(entries, surrogate, features, known, settings.promising):
            known[plan] = trials.score(plan).reward
        _log.info("%d plans trained after round %d, the best reward %.4f", len(known), number, max(known.values()))
    return sorted(known, key=lambda plan: -known[plan])


def anchors(limits: StageLimits, count: int, seed: int) -> list[Plan]:
    """``count`` plans within the limits whose stages cost as different amounts as possible."""
    rng = np.random.default_rng(seed)
    drawn = [draw_around_a_profile(limits.space, rng) for _ in range(_CANDIDATES)]
    pool = list(dict.fromkeys([*limits.uniform, *(limits.repaired(plan, rng) for plan in drawn)]))
    costs = np.log(np.stack([limits.cost.shares(plan) for plan in pool]))
    return [pool[place] for place in far_apart(costs, count)]


class PlanFeatures:
    """What is known of a plan without training it: the costs of its stages, and what reconstructed weights answer."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._cost = judge.run.pricing.cost
        self._answered = lru_cache(maxsize=None)(judge.answers(judge.run.networks.reconstructed))

    def __call__(self, plan: Plan) -> FloatArray:
        """(2 S,): log costs as shares of static, and log-odds of being right, by stage."""
        right = np.clip(self._table(plan).stage_accuracy, 1e-3, 1 - 1e-3)
        return np.concatenate([np.log(self._cost.shares(plan)), np.log(right / (1 - right))])

    def evaluator(self, surrogate: Surrogate) -> Callable[[Plan], Score]:
        """What scores a plan by its predicted reward."""

        def evaluate(plan: Plan) -> Score:
            untrained = self._judge.score(self._table(plan))
            (reward,), _ = surrogate(self(plan))
            return Score(untrained.accuracy, untrained.mean_cost, float(reward))

        return evaluate

    def _table(self, plan: Plan) -> ExitTable:
        return self._answered(plan)


def _promising(
    entries: list[Entry], surrogate: Surrogate, features: PlanFeatures, known: dict[Plan, float], count: int
) -> list[Plan]:
    """The plans of the highest predicted reward plus one standard error that have not been trained yet."""
    plans = [plan for plan in dict.fromkeys(entry.plan for entry in entries) if plan not in known]
    if not plans:
        return []
    mean, error = surrogate(np.stack([features(plan) for plan in plans]))
    return [plans[place] for place in np.argsort(-(mean + error), kind="stable")[:count]]
