"""Scores of plans that only their rewards tell apart."""

from collections.abc import Iterable

from s2dnas.search.journal import Score


def rewarded(rewards: Iterable[float]) -> list[Score]:
    """A score for each reward, which is its accuracy, too, at equal cost."""
    return [Score(accuracy=reward, mean_cost=1.0, reward=reward) for reward in rewards]
