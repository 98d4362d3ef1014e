"""Tree-structured Parzen estimators (Bergstra et al., 2011), as Optuna has them: which choices good plans share."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from s2dnas.extras import require_extra
from s2dnas.search.journal import Score
from s2dnas.search.strategy import Strategy
from s2dnas.search.unseen import Unseen
from s2dnas.space.changes import changed_once
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan, stage_pairs
from s2dnas.space.space import Choice, SearchSpace, Split

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution


class TpeStrategy(Strategy):
    """Optuna's multivariate TPE on the rewards. No plan is proposed twice before the space is exhausted.

    Where Optuna proposes a plan again, one decision of it is changed. Its study is held in memory alone.
    Raises MissingExtraError without Optuna.
    """

    def __init__(self, space: SearchSpace, seed: int, limits: StageLimits | None = None) -> None:
        super().__init__(space, seed, limits)
        require_extra("search")
        import optuna

        self._optuna = optuna
        self._study = _study(seed)
        self._parameters = _parameters(space)
        self._rng = np.random.default_rng(seed)
        self._unseen = Unseen(space)
        self._running: list[Trial] = []

    def _propose(self, count: int) -> list[Plan]:
        return [self._unseen.first(self._drawn(), self._changed) for _ in range(count)]

    def _drawn(self) -> Plan:
        # Left open, so that the next draws of the batch keep away from it.
        self._running.append(trial := self._study.ask(self._parameters))
        return self.space.decode(_choices(self.space, (trial.params[name] for name in self._parameters)))

    def _changed(self, plan: Plan) -> Plan:
        return changed_once(self.space, plan, self._rng)

    def _learn(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        # What was scored may be another plan than what was drawn, so it is told as a trial of its own.
        for trial in self._running:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        self._running = []
        for plan, score in zip(plans, scores, strict=True):
            values = dict(zip(self._parameters, _values(self.space, plan), strict=True))
            told = self._optuna.create_trial(params=values, distributions=self._parameters, value=score.reward)
            self._study.add_trial(told)


def _study(seed: int) -> "Study":
    """An empty study to maximise; that there is a new one is not reported."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        return optuna.create_study(direction="maximize", sampler=sampler)
    finally:
        optuna.logging.set_verbosity(before)


def _parameters(space: SearchSpace) -> dict[str, "BaseDistribution"]:
    """Parameters of the decisions in turn: one per cut of a split, one per flag of a layer.

    The cuts of a split are drawn alike and sorted, so that all draws are choices: cut k lies behind k + 1 pieces more.
    """
    from optuna.distributions import CategoricalDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for place, decision in enumerate(space.decisions):
        if isinstance(decision, Split):
            cuts, spare = space.num_stages - 1, decision.count - space.num_stages
            found |= {f"{place}.{cut}": IntDistribution(0, spare) for cut in range(cuts)}
        else:
            flags = len(stage_pairs(space.num_stages))
            found |= {f"{place}.{flag}": CategoricalDistribution((0, 1)) for flag in range(flags)}
    return found


def _choices(space: SearchSpace, values: Iterator[int]) -> list[Choice]:
    """The choice of each decision, from the values of all parameters in turn."""
    cuts, flags = space.num_stages - 1, len(stage_pairs(space.num_stages))
    choices: list[Choice] = []
    for decision in space.decisions:
        if isinstance(decision, Split):
            drawn = sorted(islice(values, cuts))
            choices.append(decision.from_ends(cut + k + 1 for k, cut in enumerate(drawn)))
        else:
            choices.append(tuple(islice(values, flags)))
    return choices


def _values(space: SearchSpace, plan: Plan) -> Iterator[int]:
    """The values of all parameters that make a plan: the inverse of ``_choices``."""
    for decision, choice in zip(space.decisions, space.encode(plan), strict=True):
        if isinstance(decision, Split):
            yield from (end - k - 1 for k, end in enumerate(decision.ends(choice)))
        else:
            yield from choice
