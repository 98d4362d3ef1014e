"""Build the multi-stage network of a plan: S modules made of plain dense layers, that any framework runs."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

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


class MultiStageNet(StagedNet):
    """The network of a plan. ``stages[j]`` maps images and the earlier features that it reads to logits and features.

    ``carried[j]`` names what is handed from stage j to stage j + 1: (value, stage that computed it). With
    ``accumulate_logits`` a stage's logits are added to the next one's; they then come first in the carry. ``info`` is
    what else is known.

    A state dict holds the fingerprint of its network; loading that of another plan or order of units raises
    ArtifactError.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        carried: Sequence[tuple[Key, ...]],
        info: NetworkInfo,
        *,
        accumulate_logits: bool = False,
    ) -> None:
        super().__init__()
        self.accumulate_logits = accumulate_logits
        self.stages = nn.ModuleList(stages)
        self.carried = tuple(carried)
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
        logits, handed_on = self.stages[index](x, *carry[sums:])
        logits = sum(carry[:sums], logits)
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
    carried = [_carried(writers, index) for index in range(plan.num_stages)]
    received = [(), *carried]
    stages = [
        writer.out.finish(logits[index], received[index], _hand_on(writer, carried[index]), f"Stage{index + 1}")
        for index, writer in enumerate(writers)
    ]
    device = next(iter(weights.heads[0].values())).device
    return MultiStageNet(stages, carried, _info(graph, plan), accumulate_logits=accumulate_logits).eval().to(device)


def _info(graph: ChannelGraph, plan: Plan) -> NetworkInfo:
    return NetworkInfo(
        plan=plan,
        image_shape=graph.traced.image_shape,
        num_classes=graph.traced.num_classes,
        macs=tuple(cost_model(graph).macs(plan).tolist()),
        static_macs=graph.static_macs,
        fingerprint=fingerprint(graph, plan),
    )


def _carried(writers: Sequence[StageWriter], index: int) -> tuple[Key, ...]:
    """What later stages read of this stage and the ones before it."""
    read_later = {key: None for writer in writers[index + 1 :] for key in writer.out.inputs if key[1] <= index}
    return tuple(read_later)


def _hand_on(writer: StageWriter, keys: Sequence[Key]) -> list[fx.Node]:
    """The nodes behind keys: what the stage computed itself, or takes from its own carry to pass on."""
    return [writer.packed(name) if stage == writer.index else writer.out.input(name, stage) for name, stage in keys]
