"""How a search stands, in a line: for whoever watches it."""

from collections.abc import Sequence

import numpy as np

from s2dnas.search.dominance import fronts
from s2dnas.search.journal import Entry
from s2dnas.search.strategy import Strategy


def standing(entries: Sequence[Entry], since: int, evaluations: int, batch: int, strategy: Strategy) -> str:
    """Best and latest rewards, how many of the drawn plans kept the limits, how undecided a policy is, the front of
    accuracy and cost, and the time that is left to score plans.

    Entries before the index ``since`` were scored with other weights: they are counted, not compared.
    """
    rewards = [entry.score.reward for entry in entries[since:]]
    parts = [
        f"{len(entries)} of {evaluations} plans: best reward {max(rewards):.4f}, mean of the last {batch} "
        f"{np.mean(rewards[-batch:]):.4f}",
        f"{strategy.feasible / max(1, strategy.proposed):.0%} of the drawn plans keep the limits",
    ]
    if strategy.entropy is not None:
        parts.append(f"entropy {strategy.entropy:.2f} nats a decision")
    if front := _front(entries[since:]):
        parts.append(f"{front} on the front of accuracy and cost")
    left = (evaluations - len(entries)) * float(np.mean([entry.seconds for entry in entries])) / 60
    return ", ".join([*parts, f"{left:.1f} min left"])


def _front(entries: Sequence[Entry]) -> int:
    """How many plans no other beats in both; 0 where they were not run."""
    scores = {entry.plan: entry.score for entry in entries}.values()
    points = [
        (score.accuracy, -score.mean_cost)
        for score in scores
        if score.accuracy is not None and score.mean_cost is not None
    ]
    return len(next(fronts(np.array(points)))) if points else 0
