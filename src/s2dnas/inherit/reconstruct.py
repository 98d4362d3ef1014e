"""Weights of a plan that come closest to what the static network computes, without training.

A layer that may no longer read all features computes something else. What is left of its weights is fitted to the
static layer's outputs by least squares, layer after layer, each on what the layers before it compute by then.
Reconstruction of feature maps: He et al., Channel Pruning for Accelerating Very Deep Neural Networks, 2017.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from s2dnas.graph.calls import argument, operand
from s2dnas.graph.channels import ChannelGraph
from s2dnas.inherit.reading import rows_read
from s2dnas.masked.interpreter import Interpreter, Pass
from s2dnas.masked.masks import masked_weights, stage_masks
from s2dnas.masked.stagewise import Observer, Read, Stagewise, Versions
from s2dnas.network.weights import Weights, static_weights
from s2dnas.space.plan import Plan

RIDGE = 1e-3
"""How strongly weights are held to the static ones: relative to the mean square of what a layer reads."""

POSITIONS = 32
"""Positions of a layer's output that count per image: neighbours tell the same."""


def reconstructed(graph: ChannelGraph, plan: Plan, images: Tensor, weights: Weights | None = None) -> Weights:
    """The static network's weights, fitted to one plan; for several plans, make one ``Reconstruction``.

    Other ``weights`` than the captured ones may be given.
    """
    given = weights or static_weights(graph, plan.num_stages)
    return Reconstruction(graph, images, given).at(plan)


class Reconstruction:
    """Fits a static network's ``weights`` to plans, on ``images`` (N, C, H, W), normalised; some hundred will do.

    What the static network computes of the images is found once, for all plans. Labels are not needed.
    Fitted are linear layers and convolutions over images without groups, in the body and in every stage's tail;
    others only lose what a plan forbids. Batch norms use the statistics of the images, and keep them.
    """

    def __init__(self, graph: ChannelGraph, images: Tensor, weights: Weights) -> None:
        self._graph, self._images, self._given = graph, images, weights
        self._run = Interpreter(graph)
        self._targets = self._static_outputs()

    def at(self, plan: Plan) -> Weights:
        """The weights, fitted to a plan; new tensors."""
        masks = stage_masks(self._graph, plan)
        cut = _parts(masked_weights(self._graph, self._given, masks))
        own = {stage: {name: t.detach().clone() for name, t in part.items()} for stage, part in cut.items()}
        body, *heads = own.values()
        given = _parts(self._given)

        def fit(stage: int | None, node: fx.Node, read: Read) -> None:
            if node.name in self._targets and (layer := self._fittable(node, read)):
                mask = masks[node.name] if stage is None else masks[node.name][stage]
                own[stage].update(layer.solution(self._targets[node.name], mask, given[stage]))

        fitted = Weights(body, tuple(heads))
        self._pass(fitted, plan, Pass(training=False, momentum=1.0, batch_statistics=True), fit)
        return fitted

    def _static_outputs(self) -> dict[str, Tensor]:
        """What the layers that can be fitted compute in the static network, (R, O) each, by call."""
        static, targets = Weights(self._given.body, self._given.heads[:1]), dict[str, Tensor]()
        parts = _parts(static)

        def note(stage: int | None, node: fx.Node, read: Read) -> None:
            if layer := self._fittable(node, read):
                targets[node.name] = layer.outputs(parts[stage])

        self._pass(static, Plan(1, {}, {}), Pass(training=False), note)
        return targets

    def _pass(self, weights: Weights, plan: Plan, how: Pass, observer: Observer) -> None:
        with torch.no_grad():
            self._run.logits(self._images, weights, Stagewise(self._graph, plan), how, observer)

    def _fittable(self, node: fx.Node, read: Read) -> "_Layer | None":
        """The layer of a call, if its weight is its own alone, and neither groups nor stages have their own input."""
        layer = self._graph.layer_of.get(node.name)
        if layer is None or layer.groups > 1 or len(layer.nodes) > 1:
            return None
        features, weight, bias = read(operand(node)), operand(node, 1), argument(node, "bias")
        if isinstance(features, Versions) or self._graph.traced.tensors.get(weight.name) != layer.weight:
            return None
        rows = rows_read(node, features, read(weight), POSITIONS)
        name = None if bias is None else self._graph.traced.tensors.get(bias.name)
        if rows is None or (bias is not None and name is None):
            return None
        return _Layer(rows if bias is None else F.pad(rows, (0, 1), value=1.0), layer.weight, name)


def _parts(weights: Weights) -> dict[int | None, Mapping[str, Tensor]]:
    """The body's tensors (None) and those of each stage's tail."""
    return {None: weights.body, **dict(enumerate(weights.heads))}


@dataclass(frozen=True, eq=False)
class _Layer:
    """What a call reads, as rows (R, I) beside a last column of ones if it has a bias, and its tensors' names."""

    rows: Tensor
    weight: str
    bias: str | None

    def outputs(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """What the layer makes of it, (R, O)."""
        return self.rows @ self._matrix(tensors).T

    def solution(self, targets: Tensor, mask: Tensor, static: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weight and bias whose outputs are closest to the targets (R, O), reading what ``mask`` (O or 1, C) allows."""
        weight = static[self.weight]
        allowed = mask.bool().expand(len(weight), -1).repeat_interleave(weight[0, 0].numel(), dim=1)
        if self.bias is not None:
            allowed = F.pad(allowed, (0, 1), value=True)
        found = least_squares(self.rows, targets, allowed, self._matrix(static))
        if self.bias is None:
            return {self.weight: found.reshape(weight.shape)}
        return {self.weight: found[:, :-1].reshape(weight.shape), self.bias: found[:, -1]}

    def _matrix(self, tensors: Mapping[str, Tensor]) -> Tensor:
        matrix = tensors[self.weight].flatten(1)
        return matrix if self.bias is None else torch.cat([matrix, tensors[self.bias][:, None]], 1)


def least_squares(rows: Tensor, targets: Tensor, allowed: Tensor, start: Tensor) -> Tensor:
    """Weights (O, I) that bring rows (R, I) closest to the target outputs (R, O); zero where they are not ``allowed``.

    Ridge regression: what the rows do not determine stays as in ``start``. It is solved in the smaller of R and I.
    """
    found = start * allowed
    gram = rows.T @ rows if len(rows) >= rows.shape[1] else None
    for pattern in torch.unique(allowed[allowed.any(1)], dim=0):
        same, read = (allowed == pattern).all(1), rows[:, pattern]
        missing = targets[:, same] - read @ found[same][:, pattern].T
        if gram is None:
            correction = read.T @ _solved(read @ read.T, missing, read.shape[1])
        else:
            correction = _solved(gram[pattern][:, pattern], read.T @ missing, read.shape[1])
        found[same.nonzero(), pattern.nonzero().T] += correction.T
    return found


def _solved(products: Tensor, right: Tensor, inputs: int) -> Tensor:
    """(products + ridge * identity)^-1 @ right, in double precision; the ridge is relative to the mean square read.

    Where nothing but zeros is read, as from dead channels, nothing is determined: zeros.
    """
    factor = products.double()
    ridge = RIDGE * factor.trace() / inputs
    if ridge <= torch.finfo(products.dtype).tiny:
        return torch.zeros_like(right)
    factor.diagonal().add_(ridge)
    return torch.cholesky_solve(right.double(), torch.linalg.cholesky(factor)).to(right)
