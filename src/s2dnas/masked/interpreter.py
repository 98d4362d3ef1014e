"""Run a captured network with given weights: what precedes the tail once, then the tail once per classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, fx

from s2dnas.graph.calls import argument_names, mode_argument, result_of
from s2dnas.graph.channels import ChannelGraph
from s2dnas.masked.carry_gradient import with_scaled_gradient
from s2dnas.masked.dropout import StageDropout
from s2dnas.masked.stagewise import Observer, Read, Stagewise, Versions
from s2dnas.network.weights import Weights


@dataclass(frozen=True)
class Pass:
    """How the calls of one pass are made: whether it trains, and the momentum of running statistics.

    ``momentum`` None: as captured. ``batch_statistics``: batch norms use the batch's own statistics, whether it trains
    or not.
    ``leak`` in [0, 1] is how much of what a plan forbids is let through where channels are read all at once.
    ``gradient`` holds, by call, how much of a weight's gradient its features get: (outputs, inputs), (S, 1, inputs)
    in the tail. ``dropout`` drops in training; None: every stage as the static network does.
    """

    training: bool
    momentum: float | None = None
    leak: float = 0.0
    gradient: Mapping[str, Tensor] = field(default_factory=dict)
    batch_statistics: bool = False
    dropout: StageDropout | None = None

    def drops(self, name: str) -> bool:
        """Whether a call is one of dropout whose rate depends on the stage."""
        return self.training and self.dropout is not None and name in self.dropout.names

    def of_stage(self, stage: int, tail: frozenset[str]) -> "Pass":
        """The same for one stage's tail."""
        return replace(self, gradient={name: row[stage] for name, row in self.gradient.items() if name in tail})


@dataclass(frozen=True, eq=False)
class _Step:
    """A call, where its training flag and momentum are, and which values nobody reads afterwards."""

    node: fx.Node
    mode: int | None
    momentum: int | None
    last_use: tuple[str, ...]

    def call(self, how: Pass, read: Read, arguments: Sequence[Any]) -> Any:
        """The result for arguments in which values of the graph are still to be read."""
        own = list(fx.map_arg(tuple(arguments), read))
        if self.mode is not None and self.mode < len(own):
            own[self.mode] = how.training or (how.batch_statistics and self.momentum is not None)
        if self.momentum is not None and how.momentum is not None:
            own[self.momentum] = how.momentum
        return cast(Any, self.node.target)(*own, **fx.map_arg(self.node.kwargs, read))


class Interpreter:
    """The calls of a network in two lists, body and tail."""

    def __init__(self, graph: ChannelGraph) -> None:
        traced = graph.traced
        self._tensors, self._image, self._result = traced.tensors, traced.image, result_of(traced.graph).name
        calls = [node for node in traced.graph.nodes if node.op == "call_function"]
        tail = [node for node in calls if node.name in graph.tail]
        kept = {source.name for node in tail for source in node.all_input_nodes} | {self._result}
        self._body = _steps([node for node in calls if node.name not in graph.tail], kept)
        self._tail, self._tail_names = _steps(tail, kept), graph.tail

    def __deepcopy__(self, memo: dict[int, Any]) -> "Interpreter":
        """Itself: it is never changed, and networks that hold it are copied."""
        return self

    def logits(
        self, x: Tensor, weights: Weights, stagewise: Stagewise, how: Pass, observer: Observer | None = None
    ) -> Tensor:
        """Images (N, C, H, W) to the logits of all heads, (S, N, K)."""
        values = self._run(self._body, {self._image: x}, weights.body, stagewise, how, observer)
        logits = []
        for stage, head in enumerate(weights.heads):
            own = {name: v.of_stage[stage] if isinstance(v, Versions) else v for name, v in values.items()}
            of_stage = how.of_stage(stage, self._tail_names)
            done = self._run(self._tail, own, head, stagewise, of_stage, observer, stage)
            logits.append(done[self._result])
        return torch.stack(logits)

    def _run(
        self,
        steps: Sequence[_Step],
        given: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
        stagewise: Stagewise,
        how: Pass,
        observer: Observer | None,
        stage: int | None = None,
    ) -> dict[str, Any]:
        values = dict(given)

        def read(node: fx.Node) -> Any:
            name = self._tensors.get(node.name)
            return values[node.name] if name is None else tensors[name]

        for step in steps:
            name = step.node.name
            if observer is not None:
                observer(stage, step.node, read)
            if how.dropout is not None and how.drops(name):
                values[name] = how.dropout.run(step.node, partial(step.call, how), read, stage)
            elif name in stagewise.names:
                values[name] = stagewise.run(step.node, partial(step.call, how), read, how.leak)
            elif name in how.gradient:
                call = partial(step.call, how, arguments=step.node.args)
                values[name] = with_scaled_gradient(call, step.node, read, how.gradient[name])
            else:
                values[name] = step.call(how, read, step.node.args)
            for used in step.last_use:
                values.pop(used, None)
        return values


def _steps(nodes: Sequence[fx.Node], kept: set[str]) -> list[_Step]:
    """Values are dropped after their last use, so that evaluation does not hold every feature of the network."""
    seen, steps = set(kept), []
    for node in reversed(nodes):
        last = {source.name for source in node.all_input_nodes} - seen
        seen |= last
        steps.append(_Step(node, mode_argument(node), _momentum_argument(node), tuple(last)))
    return steps[::-1]


def _momentum_argument(node: fx.Node) -> int | None:
    names = argument_names(node)
    return names.index("momentum") if "momentum" in names else None
