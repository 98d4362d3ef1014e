"""The shared network: one set of weights for all plans, and one masked forward pass for the logits of all stages.

Since stages only read earlier ones, every plan is the static network with some weights masked to zero.
"""

from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from s2dnas.graph.channels import ChannelGraph
from s2dnas.masked.accumulate import accumulated
from s2dnas.masked.carry_gradient import carry_masks
from s2dnas.masked.dropout import StageDropout
from s2dnas.masked.interpreter import Interpreter, Pass
from s2dnas.masked.masks import masked_weights, stage_masks
from s2dnas.masked.mode import PLAN_ITSELF, Mode
from s2dnas.masked.stagewise import Stagewise
from s2dnas.masked.tensors import HeadTensors, NamedTensors
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.network.ownership import fingerprint_state, refuse_other_network
from s2dnas.network.weights import Weights, static_weights
from s2dnas.space.cost import cost_model
from s2dnas.space.fingerprint import fingerprint
from s2dnas.space.plan import Plan


class SharedNet(nn.Module):
    """The weights of every plan. ``forward(x, plan)`` gives the logits (S, N, K) of one of them; no plan is stored.

    With ``accumulate_logits`` each stage's logits are added to the later ones'.
    """

    def __init__(self, graph: ChannelGraph, weights: Weights, *, accumulate_logits: bool = False) -> None:
        super().__init__()
        self.graph, self._run, self.accumulate_logits = graph, Interpreter(graph), accumulate_logits
        self.body = NamedTensors(weights.body, graph.traced.parameters)
        self.heads = HeadTensors(NamedTensors(head, graph.traced.parameters) for head in weights.heads)

    def forward(self, x: Tensor, plan: Plan, leak: float = 0.0) -> Tensor:
        """Images (N, C, H, W) to logits (S, N, K) of a plan; ``leak`` as in ``Mode``."""
        own = masked_weights(self.graph, self.weights(), stage_masks(self.graph, plan), leak)
        how = Pass(self.training, leak=leak, dropout=StageDropout(self.graph, plan))
        logits = self._run.logits(x, own, Stagewise(self.graph, plan), how)
        return accumulated(logits) if self.accumulate_logits else logits

    def weights(self) -> Weights:
        """The current tensors, not copies."""
        return Weights(self.body.tensors(), self.heads.tensors())

    def at(self, plan: Plan) -> "MaskedNet":
        """A multi-exit network of one plan: parameters are this network's own, running statistics are copies."""
        return MaskedNet(self, plan)


class MaskedNet(MultiExitNet):
    """One plan of a shared network: the static network with the weights that the plan forbids masked to zero.

    It costs as much as the static network; the staged network, built from its weights, is the one that costs less.
    """

    def __init__(self, shared: SharedNet, plan: Plan) -> None:
        super().__init__()
        self.graph, self.plan, self.accumulate_logits = shared.graph, plan, shared.accumulate_logits
        self._run, self._stagewise = Interpreter(self.graph), Stagewise(self.graph, plan)
        self._dropout = StageDropout(self.graph, plan)
        self.body = shared.body.with_own_buffers()
        self.heads = shared.heads.with_own_buffers()
        self.macs = tuple(cost_model(self.graph).macs(plan).tolist())
        self._masks = NamedTensors(stage_masks(self.graph, plan), frozenset(), persistent=False)

    def forward(self, x: Tensor, mode: Mode = PLAN_ITSELF) -> Tensor:
        """Images (N, C, H, W) to logits (S, N, K)."""
        own = masked_weights(self.graph, self.weights(), self._masks.tensors(), mode.leak)
        gradient = self._gradient(mode.carry_gradient)
        how = Pass(self.training, mode.momentum, mode.leak, gradient, dropout=self._dropout)
        logits = self._run.logits(x, own, self._stagewise, how, mode.observer)
        return accumulated(logits) if self.accumulate_logits else logits

    def _gradient(self, share: float) -> dict[str, Tensor]:
        """How much of the gradient of each weight reaches what it reads; empty where all of it does."""
        if share == 1 or not torch.is_grad_enabled():
            return {}
        return {name: 1 - (1 - share) * mask for name, mask in self._carry.items()}

    @cached_property
    def _carry(self) -> dict[str, Tensor]:
        """Which weights read earlier stages: needed only where gradients are scaled."""
        device = next(self.parameters()).device
        masks = carry_masks(self.graph, self.plan)
        return {name: mask.to(device) for name, mask in masks.items()}

    def weights(self) -> Weights:
        """The current tensors, not copies."""
        return Weights(self.body.tensors(), self.heads.tensors())

    @cached_property
    def _fingerprint(self) -> Tensor:
        return fingerprint_state(fingerprint(self.graph, self.plan))

    def get_extra_state(self) -> Tensor:
        """The network's fingerprint, for its state dict."""
        return self._fingerprint

    def set_extra_state(self, state: Any) -> None:
        """Refuse the state dict of another plan or order of units. Raises ArtifactError."""
        refuse_other_network(self._fingerprint, state)


def static_network(graph: ChannelGraph) -> MaskedNet:
    """The captured network itself, with copies of its weights: a plan of one stage; in eval mode."""
    return SharedNet(graph, static_weights(graph, num_stages=1)).at(Plan(1, {}, {})).eval()
