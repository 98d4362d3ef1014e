"""The paper's strategy: a recurrent controller that walks the decisions of the space, trained by policy gradient."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise

import torch
from torch import Tensor, nn

from s2dnas.errors import SettingsError, require
from s2dnas.search.journal import Score
from s2dnas.search.strategy import Strategy
from s2dnas.space.limits import StageLimits
from s2dnas.space.plan import Plan, stage_pairs
from s2dnas.space.space import Choice, SearchSpace, Split

_FORBIDDEN = -1e9
_START = 2.5
"""How much likelier a starting plan's options are, as a logit: 92 % for an indicator, 71 % for one of six splits."""
State = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class ControllerSettings:
    """Raises SettingsError for a value out of range.

    ``hidden`` is the width of the LSTM; logits are ``tanh_constant`` x tanh(.), which keeps every option possible;
    ``entropy_weight`` is counted in standard deviations of the reward; ``baseline_decay`` is that of the moving mean
    and spread of the rewards, per batch. ``tanh_constant`` has precedent in ENAS (ICML 2018); the others are ours: with
    them the controller finds the best of 2e13 plans in about 1000 evaluations of a toy reward.
    """

    hidden: int = 64
    learning_rate: float = 5e-3
    entropy_weight: float = 0.2
    baseline_decay: float = 0.8
    tanh_constant: float = 2.5

    def __post_init__(self) -> None:
        rules = {
            "hidden": (self.hidden >= 1, "at least 1"),
            "learning_rate": (0 < self.learning_rate < math.inf, "positive"),
            "entropy_weight": (0 <= self.entropy_weight < math.inf, "at least 0"),
            "baseline_decay": (0 <= self.baseline_decay < 1, "in [0, 1)"),
            "tanh_constant": (0 < self.tanh_constant < math.inf, "positive"),
        }
        require(self, rules)


class ControllerStrategy(Strategy):
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
        self._policy = _Policy(space, self.settings, self._rng)
        self._optimizer = torch.optim.Adam(self._policy.parameters(), lr=self.settings.learning_rate)
        self._mean: float | None = None
        self._variance = 0.0

    def best_guess(self) -> Plan:
        """The plan of the likeliest option at every step."""
        (plan,) = self._plans(self._walk(torch.zeros(1, self._policy.num_steps, self._policy.num_options)))
        return plan

    def start_at(self, plan: Plan) -> None:
        """Make a plan the likeliest at every step, before anything is learned; plans near it become likely, too."""
        options = torch.tensor(_options(self.space, plan))
        with torch.no_grad():
            self._policy.prior[torch.arange(len(options)), options] += _START

    def _propose(self, count: int) -> list[Plan]:
        uniform = torch.rand(count, self._policy.num_steps, self._policy.num_options, generator=self._rng)
        # Gumbel-max: the largest of log p + Gumbel noise is a sample of p.
        return self._plans(self._walk(-(-uniform.clamp(1e-9, 1 - 1e-7).log()).log()))

    def _learn(self, plans: Sequence[Plan], scores: Sequence[Score]) -> None:
        advantages = self._advantages(torch.tensor([score.reward for score in scores], dtype=torch.float64)).float()
        options = torch.tensor([_options(self.space, plan) for plan in plans])
        log_probs, prior = self._policy.replay(options)
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
        options = [self._policy.start(len(noise))]
        for step in range(self._policy.num_steps):
            log_probs, _, state = self._policy(options[-1], step, state)
            options.append((log_probs + noise[:, step : step + 1]).argmax(dim=-1))
        return torch.cat(options[1:], dim=1)

    def _plans(self, options: Tensor) -> list[Plan]:
        return [self.space.decode(_choices(self.space, iter(row))) for row in options.tolist()]


class _Policy(nn.Module):
    """An LSTM over the T steps: which options come next, given those chosen so far."""

    offered: Tensor
    increasing: Tensor
    prior: Tensor

    def __init__(self, space: SearchSpace, settings: ControllerSettings, rng: torch.Generator) -> None:
        super().__init__()
        steps = _steps(space)
        self.num_steps, self.num_options = len(steps), max(limit for limit, _ in steps)
        limits = torch.tensor([limit for limit, _ in steps])
        self.register_buffer("offered", torch.arange(self.num_options) < limits[:, None])
        self.register_buffer("increasing", torch.tensor([[increasing] for _, increasing in steps]))
        self.register_buffer("prior", torch.zeros(self.num_steps, self.num_options))
        self.tanh_constant = settings.tanh_constant
        width = settings.hidden
        # On "meta" the layers draw nothing, so that the caller's random state stays as it is.
        self.choice = nn.Embedding(self.num_options + 1, width, device="meta").to_empty(device="cpu")
        self.lstm = nn.LSTM(width, width, batch_first=True, device="meta").to_empty(device="cpu")
        self.head = nn.Linear(width, self.num_options, bias=False, device="meta").to_empty(device="cpu")
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1, generator=rng)
        # Wider than the rest: the steps must look different before anything is learned, or all learn the same.
        self.position = nn.Parameter(torch.empty(self.num_steps, width).uniform_(-1, 1, generator=rng))
        self.bias = nn.Parameter(torch.zeros(self.num_steps, self.num_options))

    def start(self, count: int) -> Tensor:
        """What precedes the first step of N walks, (N, 1): an option that no step has."""
        return torch.full((count, 1), self.num_options)

    def forward(self, previous: Tensor, first: int, state: State | None) -> tuple[Tensor, Tensor, State]:
        """Log-probabilities (N, t, options) of t steps from ``first`` on, given the option before each (N, t).

        And those that the prior alone gives.
        """
        steps = slice(first, first + previous.shape[1])
        hidden, state = self.lstm(self.choice(previous) + self.position[steps], state)
        learned = self.tanh_constant * torch.tanh(self.head(hidden) + self.bias[steps])
        follows = torch.arange(self.num_options) > previous[..., None]
        forbidden = ~(self.offered[steps] & (follows | ~self.increasing[steps]))
        prior = self.prior[steps].masked_fill(forbidden, _FORBIDDEN)
        return (prior + learned).log_softmax(dim=-1), prior.log_softmax(dim=-1), state

    def replay(self, options: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (N, T, options) along the walks that took these options (N, T), and the prior's."""
        previous = torch.cat([self.start(len(options)), options[:, :-1]], dim=1)
        log_probs, prior, _ = self(previous, 0, None)
        return log_probs, prior


def _steps(space: SearchSpace) -> list[tuple[int, bool]]:
    """Per step: the number of options, and whether the option must exceed that of the step before.

    Option k of a split step is "the stage ends after piece k"; its limit leaves a piece for every later stage.
    """
    cuts, flags = space.num_stages - 1, len(stage_pairs(space.num_stages))
    steps: list[tuple[int, bool]] = []
    for decision in space.decisions:
        if isinstance(decision, Split):
            steps += [(decision.count - cuts + cut, cut > 0) for cut in range(cuts)]
        else:
            steps += [(2, False)] * flags
    if not steps:
        raise SettingsError(
            f"a space of {space.num_stages} stages and {len(space.decisions)} decisions leaves the controller nothing "
            "to decide; take at least 2 stages and a network that can be divided"
        )
    return steps


def _choices(space: SearchSpace, options: Iterator[int]) -> list[Choice]:
    """The choice of each decision, from the options of all steps in turn."""
    cuts, flags = space.num_stages - 1, len(stage_pairs(space.num_stages))
    choices: list[Choice] = []
    for decision in space.decisions:
        if isinstance(decision, Split):
            ends = [0, *(option + 1 for option in islice(options, cuts)), decision.count]
            choices.append(tuple(b - a for a, b in pairwise(ends)))
        else:
            choices.append(tuple(islice(options, flags)))
    return choices


def _options(space: SearchSpace, plan: Plan) -> list[int]:
    """The option of each step that makes a plan: the inverse of ``_choices``."""
    options: list[int] = []
    for decision, choice in zip(space.decisions, space.encode(plan), strict=True):
        options += [end - 1 for end in accumulate(choice[:-1])] if isinstance(decision, Split) else choice
    return options
