"""How plans of a run are judged: by what their networks answer on the search split, against what they cost."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from s2dnas.exits import ExitTable
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.pipeline.run import Run
from s2dnas.search.evaluators import AnswersOf, Objective, answers_of
from s2dnas.search.journal import Score
from s2dnas.space.plan import Plan


@dataclass(frozen=True, eq=False)
class Judge:
    """The search split of a run, and the objective of its settings."""

    run: Run

    @cached_property
    def objective(self) -> Objective:
        """What a plan is rewarded for."""
        settings, static = self.run.settings.search, self.run.pricing.cost.static
        return Objective(
            static_cost=static,
            budgets=tuple(budget * static for budget in settings.budgets),
            exponent=settings.exponent,
            confidence=self.run.settings.exits.confidence,
            resolution=settings.resolution,
        )

    def answers(self, network_of: Callable[[Plan], MultiExitNet]) -> AnswersOf:
        """What the network of a plan answers on the search split."""
        return answers_of(network_of, self._batches, self.objective.confidence, self.run.pricing.cost)

    def evaluator(self, network_of: Callable[[Plan], MultiExitNet]) -> Callable[[Plan], Score]:
        """What scores a plan by the network that it gets."""
        answer = self.answers(network_of)
        return lambda plan: self.score(answer(plan))

    def score(self, table: ExitTable) -> Score:
        """The score of what a plan answered."""
        return self.objective.score(table)

    @cached_property
    def _batches(self) -> list[tuple[Tensor, Tensor]]:
        data = self.run.feed.splits.search
        return list(self.run.feed.plain(data.subset(torch.arange(min(self.run.settings.search.images, len(data))))))
