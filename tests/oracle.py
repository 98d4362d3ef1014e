"""What a plan's networks must agree with, made from the user's own module: ``s2dnas.network`` is not used here."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from nets import NETS, StandardisedConv
from s2dnas.errors import PlanError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.calls import operator_name
from s2dnas.graph.channels import ChannelGraph, Mixing
from s2dnas.graph.trace import trace
from s2dnas.space.division import search_space
from s2dnas.space.importance import by_importance
from s2dnas.space.plan import Plan, stage_pairs


@dataclass(frozen=True, eq=False)
class Subject:
    """A network under test, captured and analysed; units are ordered, so that parts are not contiguous."""

    model: nn.Module
    images: Tensor
    graph: ChannelGraph


def subject(make: Callable[[], tuple[nn.Module, Tensor]]) -> Subject:
    model, images = make()
    return Subject(model, images, by_importance(analyse_channels(trace(model, images)), "l1"))


@cache
def tiny(name: str) -> Subject:
    """The network of that name in ``nets.NETS``, captured once."""
    return subject(NETS[name])


def random_plan(graph: ChannelGraph, num_stages: int, min_width: int, seed: int) -> Plan | None:
    """A plan of the search space, None if it has none."""
    try:
        space = search_space(graph, num_stages, min_width)
    except PlanError:
        return None
    return space.sample(np.random.default_rng(seed))


def stages_of(graph: ChannelGraph, plan: Plan) -> list[int]:
    """The stage of every unit."""
    stages = [0] * graph.num_units
    for coupling in graph.couplings:
        units = iter(coupling.units.tolist())
        for stage, width in enumerate(plan.widths.get(coupling.name, ())):
            for _ in range(width):
                stages[next(units)] = stage
    return stages


def stage_as_static(subject: Subject, plan: Plan, stage: int) -> Callable[[Tensor], Tensor]:
    """A copy of the user's module, with forbidden weights zero, whose output are the logits of one stage.

    What it does with all channels at once, it does for each channel with those of no later stage.
    """
    model, stages = copy.deepcopy(subject.model), stages_of(subject.graph, plan)
    for layer in subject.graph.mixing:
        if layer.groups > 1:
            continue
        weight = _weight(model, layer)
        flags = dict(zip(stage_pairs(plan.num_stages), plan.indicators.get(layer.name, ()), strict=False))
        with torch.no_grad():
            for column, source in enumerate(layer.inputs.tolist()):
                for row, unit in enumerate(layer.outputs.tolist()):
                    i, j = stages[source], stage if layer.in_tail else stages[unit]
                    if i > j or (i < j and not layer.in_tail and not flags.get((i, j), True)):
                        weight[row, column] = 0

    def logits(images: Tensor) -> Tensor:
        with Causal(subject, stages):
            return cast(Tensor, model(images))

    return logits


def _weight(model: nn.Module, layer: Mixing) -> Tensor:
    """The weight that a copy of the user's module uses, or the mask of one that it computes."""
    if layer.weight in dict(model.named_parameters()):
        return model.get_parameter(layer.weight)
    owner = model.get_submodule(layer.weight.rpartition(".")[0])
    if isinstance(owner, nn.ConvTranspose2d):
        return owner.weight.transpose(0, 1)
    if isinstance(owner, nn.Conv2d) and owner.groups > 1:
        return owner.weight.chunk(owner.groups)[int(layer.weight.rpartition("folded")[2] or 0)]
    assert isinstance(owner, StandardisedConv)
    owner.mask = torch.ones_like(owner.weight)
    return owner.mask


class Causal(TorchFunctionMode):
    """While it is active, calls that read all channels read, for each channel, those of no later stage.

    The n-th call of a function is the n-th of that name in the captured graph. A mean keeps its channels here.
    """

    FUNCTIONS: ClassVar[dict[Any, str]] = {
        F.layer_norm: "layer_norm",
        F.group_norm: "layer_norm",
        F.rms_norm: "rms_norm",
        F.softmax: "softmax",
        Tensor.mean: "mean",
    }

    def __init__(self, subject: Subject, stages: list[int]) -> None:
        super().__init__()
        self.graph, self.traced, self.stages = subject.graph, subject.graph.traced, stages
        self.nodes = {
            kind: [n for n in subject.graph.traced.graph.nodes if operator_name(n) == f"aten.{kind}"]
            for kind in self.FUNCTIONS.values()
        }

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kind = self.FUNCTIONS.get(func)
        if kind is None or (func is F.group_norm and args[1] != 1):
            return func(*args, **kwargs or {})
        node = self.nodes[kind].pop(0)
        if node.name not in self.graph.cumulative:
            return func(*args, **kwargs or {})
        x, axis = args[0], self.graph.cumulative[node.name]
        layout = self.graph.layouts[node.args[0].name]
        stages = [self.stages[unit] for unit in layout.along(x.shape[axis]).tolist()]
        found = []
        for channel, stage in enumerate(stages):
            seen = [other for other, limit in enumerate(stages) if limit <= stage]
            result = _NORMS[kind](x.index_select(axis, torch.tensor(seen)), node.args)
            found.append(result.narrow(axis, 0 if kind == "mean" else seen.index(channel), 1))
        return _affine(func, torch.cat(found, axis), args, kwargs or {})


def _axes(x: Tensor, args: tuple[Any, ...]) -> list[int]:
    return list(range(x.ndim - len(args[1]), x.ndim))


_NORMS: dict[str, Callable[[Tensor, tuple[Any, ...]], Tensor]] = {
    "layer_norm": lambda x, a: (
        (x - x.mean(_axes(x, a), True)) / (x.var(_axes(x, a), correction=0, keepdim=True) + a[4]).sqrt()
    ),
    "rms_norm": lambda x, a: x / (x.square().mean(_axes(x, a), True) + (a[3] or torch.finfo(x.dtype).eps)).sqrt(),
    "softmax": lambda x, a: x.exp() / x.exp().sum(a[1], keepdim=True),
    "mean": lambda x, a: x.mean(a[1], keepdim=True),
}


def _affine(func: Any, x: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Scale and shift of a norm, along the last axes, of group norm along the first after the samples."""
    for position, name, combine in ((2, "weight", torch.mul), (3, "bias", torch.add)):
        value = args[position] if position < len(args) else kwargs.get(name)
        if isinstance(value, Tensor):
            shape = [-1, *[1] * (x.ndim - 2)] if func is F.group_norm else list(value.shape)
            x = combine(x, value.view(shape))
    return x


def error(found: Tensor, expected: Tensor) -> float:
    """The largest deviation, relative to the largest value expected."""
    assert found.shape == expected.shape
    return float((found.detach() - expected.detach()).abs().max() / expected.detach().abs().max())
