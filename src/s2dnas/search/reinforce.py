"""The paper's strategy: a recurrent controller that walks the decisions of the space, trained by policy gradient."""

import math
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from s2dnas.search.controller import Controller, ControllerSettings, State
from s2dnas.search.journal import Score
from s2dnas.search.policy import PolicyStrategy
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan, stage_pairs
from s2dnas.space.space import Choice, SearchSpace, Split

_START = 2.5
"""How much likelier a starting plan's options are, as a logit: 92 % for an indicator, 71 % for one of six splits."""


class ReinforceStrategy(PolicyStrategy):
    """An LSTM that emits each coupling's split points and each mixing layer's indicators, one step after the other.

    REINFORCE: advantage = (reward - moving mean) / moving spread, plus an entropy bonus; Adam.
    Raises SettingsError if the space leaves nothing to decide.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        settings: ControllerSettings | None = None,
        limits: StageLimits | None = None,
    ) -> None:
        super().__init__(space, seed, limits)
        self.settings = settings or ControllerSettings()
        self._rng = torch.Generator().manual_seed(seed)
        self._controller = Controller(space, self.settings, self._rng)
        self._optimizer = torch.optim.Adam(self._controller.parameters(), lr=self.settings.learning_rate)
        self._mean: float | None = None
        self._variance = 0.0

    def best_guess(self) -> Plan:
        """The plan of the likeliest option at every step."""
        (plan,) = self._plans(self._walk(torch.zeros(1, self._controller.num_steps, self._controller.num_options)))
        return plan

    def start_at(self, plan: Plan) -> None:
        """Make a plan the likeliest at every step, before anything is learned; plans near it become likely, too."""
        options = torch.tensor(_options(self.space, plan))
        with torch.no_grad():
            self._controller.prior[torch.arange(len(options)), options] += _START

    def _propose(self, count: int) -> list[Plan]:
        return self._draw(count, self._rng)

    def _draw(self, count: int, generator: torch.Generator) -> list[Plan]:
        uniform = torch.rand(count, self._controller.num_steps, self._controller.num_options, generator=generator)
        # Gumbel-max: the largest of log p + Gumbel noise is a sample of p.
        return self._plans(self._walk(-(-uniform.clamp(1e-9, 1 - 1e-7).log()).log()))

    def _learn(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        advantages = self._advantages(torch.tensor([score.reward for score in scores], dtype=torch.float64)).float()
        options = torch.tensor([_options(self.space, plan) for plan in plans])
        log_probs, prior = self._controller.replay(options)
        self.entropy = float(-(log_probs.exp() * log_probs).sum(dim=-1).mean().detach())
        chosen = log_probs.gather(-1, options[..., None]).sum(dim=(1, 2))
        # Up to a constant the entropy, as long as no plan is preferred from the start.
        freedom = -(log_probs.exp() * (log_probs - prior)).sum(dim=(1, 2))
        loss = -(advantages * chosen + self.settings.entropy_weight * freedom).mean()
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._optimizer.step()

    def _advantages(self, rewards: Tensor) -> Tensor:
        """Rewards (N,) as distances from the moving mean, in moving standard deviations."""
        decay = self.settings.baseline_decay if self._mean is not None else 0.0
        self._mean = decay * (self._mean or 0.0) + (1 - decay) * float(rewards.mean())
        # Around the moving mean, not the batch's: a batch of one has a spread, too.
        self._variance = decay * self._variance + (1 - decay) * float((rewards - self._mean).square().mean())
        return (rewards - self._mean) / (math.sqrt(self._variance) + 1e-6)

    @torch.no_grad()
    def _walk(self, noise: Tensor) -> Tensor:
        """Options (N, T) of T steps, each the best of log-probability + noise (N, T, options)."""
        state: State | None = None
        options = [self._controller.start(len(noise))]
        for step in range(self._controller.num_steps):
            log_probs, _, state = self._controller(options[-1], step, state)
            options.append((log_probs + noise[:, step : step + 1]).argmax(dim=-1))
        return torch.cat(options[1:], dim=1)

    def _plans(self, options: Tensor) -> list[Plan]:
        return [self.space.decode(_choices(self.space, iter(row))) for row in options.tolist()]


def _choices(space: SearchSpace, options: Iterator[int]) -> list[Choice]:
    """The choice of each decision, from the options of all steps in turn."""
    cuts, flags = space.num_stages - 1, len(stage_pairs(space.num_stages))
    choices: list[Choice] = []
    for decision in space.decisions:
        if isinstance(decision, Split):
            choices.append(decision.from_ends(option + 1 for option in islice(options, cuts)))
        else:
            choices.append(tuple(islice(options, flags)))
    return choices


def _options(space: SearchSpace, plan: Plan) -> list[int]:
    """The option of each step that makes a plan: the inverse of ``_choices``."""
    options: list[int] = []
    for decision, choice in zip(space.decisions, space.encode(plan), strict=True):
        options += [end - 1 for end in decision.ends(choice)] if isinstance(decision, Split) else choice
    return options
