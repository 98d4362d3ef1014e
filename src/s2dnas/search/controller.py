"""The controller: a recurrent network that walks the decisions of a space, one step after the other."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from s2dnas.errors import SettingsError, require
from s2dnas.space.plan import stage_pairs
from s2dnas.space.space import SearchSpace, Split

State = tuple[Tensor, Tensor]
_FORBIDDEN = -1e9


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


class Controller(nn.Module):
    """An LSTM over the T steps: which options come next, given those chosen so far.

    Raises SettingsError if the space leaves nothing to decide.
    """

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
