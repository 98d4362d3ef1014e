"""Build the multi-stage network of a plan: S modules made of plain dense layers, that any framework runs."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from s2dnas.graph.channels import ChannelGraph
from s2dnas.network.info import NetworkInfo
from s2dnas.network.ownership import fingerprint_state, refuse_other_network
from s2dnas.network.staged_net import Carry, StagedNet
from s2dnas.network.weights import Weights, static_weights
from s2dnas.space.assignment import stage_of_units
from s2dnas.space.cost import cost_model
from s2dnas.space.fingerprint import fingerprint
from s2dnas.space.plan import Plan
from s2dnas.staged.parts import Parts
from s2dnas.staged.stage_graph import Key
from s2dnas.staged.write import write_stage
from s2dnas.staged.writer import StageWriter
from s2dnas.values import needed_later


class MultiStageNet(StagedNet):
    """The network of a plan. ``stages[j]`` maps images and the earlier features that it reads to logits and features.

    Features are named by value and the stage that computed them: stage j reads ``takes[j]`` and gives ``gives[j]``, its
    own features that later stages read; ``carried[j]`` are all those that are needed after it. With
    ``accumulate_logits`` a stage's logits are added to the next one's; they then come first in the carry. ``info`` is
    what else is known.

    A state dict holds the fingerprint of its network; loading that of another plan or order of units raises
    ArtifactError.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        takes: Sequence[Sequence[Key]],
        info: NetworkInfo,
        *,
        accumulate_logits: bool = False,
    ) -> None:
        super().__init__()
        self.accumulate_logits = accumulate_logits
        self.stages = nn.ModuleList(stages)
        self.takes = tuple(map(tuple, takes))
        self.gives = _given(self.takes)
        self.carried = needed_later(self.takes, self.gives)
        self.info, self.macs = info, info.macs

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to the logits of all stages, (S, N, K)."""
        carry: Carry = ()
        logits = []
        for index in range(self.num_stages):
            out, carry = self.stage(index, x, carry)
            logits.append(out)
        return torch.stack(logits)

    def stage(self, index: int, x: Tensor, carry: Carry) -> tuple[Tensor, Carry]:
        """Run one stage on images (N, C, H, W) and what earlier stages handed on."""
        sums = int(self.accumulate_logits)
        known = dict(zip(self.carried[index - 1], carry[sums:], strict=True)) if index else {}
        logits, given = self.stages[index](x, *(known[key] for key in self.takes[index]))
        logits = sum(carry[:sums], logits)
        known.update(zip(self.gives[index], given, strict=True))
        handed_on = tuple(known[key] for key in self.carried[index])
        return logits, (logits, *handed_on) if self.accumulate_logits else handed_on

    def get_extra_state(self) -> Tensor:
        """The network's fingerprint, for its state dict."""
        return fingerprint_state(self.info.fingerprint)

    def set_extra_state(self, state: Any) -> None:
        """Refuse the state dict of another network."""
        refuse_other_network(self.get_extra_state(), state)


def build(
    graph: ChannelGraph, plan: Plan, weights: Weights | None = None, *, accumulate_logits: bool = False
) -> MultiStageNet:
    """The multi-stage network of a plan, with the given weights or the static network's; it is in eval mode.

    With ``accumulate_logits`` each stage's logits are added to the later ones'.
    """
    weights = weights or static_weights(graph, plan.num_stages)
    parts = Parts(graph, stage_of_units(graph, plan))
    writers = [StageWriter(parts, plan, weights, index) for index in range(plan.num_stages)]
    logits = [write_stage(writer) for writer in writers]
    stages: list[nn.Module] = []
    takes: list[tuple[Key, ...]] = []
    for writer in reversed(writers):  # what a stage gives is what later ones take
        given = [writer.packed(name) for name, _ in _of_stage(writer.index, takes)]
        stages.insert(0, writer.out.finish(logits[writer.index], given, f"Stage{writer.index + 1}"))
        takes.insert(0, tuple(writer.out.inputs))
    device = next(iter(weights.heads[0].values())).device
    return MultiStageNet(stages, takes, _info(graph, plan), accumulate_logits=accumulate_logits).eval().to(device)


def _info(graph: ChannelGraph, plan: Plan) -> NetworkInfo:
    return NetworkInfo(
        plan=plan,
        image_shape=graph.traced.image_shape,
        num_classes=graph.traced.num_classes,
        macs=tuple(cost_model(graph).macs(plan).tolist()),
        static_macs=graph.static_macs,
        fingerprint=fingerprint(graph, plan),
    )


def _given(takes: Sequence[Sequence[Key]]) -> tuple[tuple[Key, ...], ...]:
    """What each stage gives: of its own features, those that later stages take."""
    return tuple(_of_stage(index, takes[index + 1 :]) for index in range(len(takes)))


def _of_stage(index: int, takes: Iterable[Sequence[Key]]) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(key for key in chain.from_iterable(takes) if key[1] == index))
