"""The line that tells how a search stands."""

from s2dnas.search.journal import Entry, Score
from s2dnas.search.random import RandomStrategy
from s2dnas.search.reinforce import ReinforceStrategy
from s2dnas.search.standing import standing
from s2dnas.space.space import SearchSpace, Split

SPACE = SearchSpace(3, (Split("a", (1,) * 9), Split("b", (1,) * 9)))


def entries(strategy: RandomStrategy) -> list[Entry]:
    scores = [Score(0.5, 10.0, 0.2), Score(0.7, 20.0, 0.6), Score(0.6, 30.0, 0.4), Score(0.4, 5.0, 0.1)]
    plans = strategy.ask(4)
    strategy.tell(plans, scores)
    return [Entry(plan, score, 30.0) for plan, score in zip(plans, scores, strict=True)]


def test_it_tells_best_and_latest_rewards_the_front_and_the_time_left() -> None:
    line = standing(entries(RandomStrategy(SPACE, 0)), 0, 10, 2, RandomStrategy(SPACE, 0))
    assert line.startswith("4 of 10 plans: best reward 0.6000, mean of the last 2 0.2500, ")
    assert "3 on the front" in line  # the third costs more than the second and answers less
    assert line.endswith("3.0 min left")
    assert "entropy" not in line


def test_scores_with_other_weights_are_counted_but_not_compared() -> None:
    line = standing(entries(RandomStrategy(SPACE, 0)), 2, 10, 2, RandomStrategy(SPACE, 0))
    assert line.startswith("4 of 10 plans: best reward 0.4000, ")
    assert "2 on the front" in line


def test_a_policy_tells_how_undecided_it_is_and_decides() -> None:
    strategy, entropies = ReinforceStrategy(SPACE, 0), list[float]()
    for _ in range(60):
        plans = strategy.ask(10)
        strategy.tell(plans, [Score(0.5, 1.0, float(plan.widths["a"][0] == 1)) for plan in plans])
        assert strategy.entropy is not None
        entropies.append(strategy.entropy)
    assert entropies[-1] < entropies[0]


def test_what_was_not_run_is_on_no_front() -> None:
    (plan,) = RandomStrategy(SPACE, 0).ask(1)
    strategy = RandomStrategy(SPACE, 0)
    assert "front" not in standing([Entry(plan, Score(None, None, 0.3), 0.0)], 0, 5, 1, strategy)
