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
from s2dnas.graph.trace import Traced
from s2dnas.network.interpreter import Interpreter, Mode
from s2dnas.network.masks import masked, stage_masks
from s2dnas.network.reading import rows_read
from s2dnas.network.stagewise import Read, Stagewise, Versions
from s2dnas.network.weights import Weights, static_weights
from s2dnas.space.plan import Plan

RIDGE = 1e-3
"""How strongly weights are held to the static ones: relative to the mean square of what a layer reads."""

POSITIONS = 32
"""Positions of a layer's output that count per image: neighbours tell the same."""


def reconstructed(
    traced: Traced, graph: ChannelGraph, plan: Plan, images: Tensor, weights: Weights | None = None
) -> Weights:
    """The static network's weights, fitted to a plan on ``images`` (N, C, H, W), normalised; new tensors.

    Some hundred images will do; labels are not needed. Other ``weights`` than the captured ones may be given.
    Fitted are linear layers and convolutions over images without groups, in the body and in every stage's tail;
    others only lose what the plan forbids. Batch norms use the statistics of ``images``, and keep them.
    """
    given = weights or static_weights(traced, graph, plan.num_stages)
    stagewise, run = Stagewise(traced, graph, plan), Interpreter(traced, graph)
    masks, wanted = stage_masks(graph, plan), dict[str, Tensor]()
    cut = masked(graph, given, masks, keep=0.0)
    body, heads = _copies(cut.body), tuple(map(_copies, cut.heads))

    def note(stage: int | None, node: fx.Node, read: Read) -> None:
        if not stage and (layer := _fittable(traced, graph, node, read)):
            wanted[node.name] = layer.outputs(given.body if stage is None else given.heads[stage])

    def fit(stage: int | None, node: fx.Node, read: Read) -> None:
        if node.name in wanted and (layer := _fittable(traced, graph, node, read)):
            static, own = (given.body, body) if stage is None else (given.heads[stage], heads[stage])
            mask = masks[node.name] if stage is None else masks[node.name][stage]
            own.update(layer.solution(wanted[node.name], mask, static))

    with torch.no_grad():
        run.logits(images, given, stagewise, Mode(training=False, keep=1.0), note)
        of_images = Mode(training=False, momentum=1.0, batch_statistics=True)
        run.logits(images, Weights(body, heads), stagewise, of_images, fit)
    return Weights(body, heads)


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


@dataclass(frozen=True, eq=False)
class _Layer:
    """What a call reads, as rows (R, I) beside a last column of ones if it has a bias, and its tensors' names."""

    rows: Tensor
    weight: str
    bias: str | None

    def outputs(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """What the layer makes of it, (R, O)."""
        return self.rows @ self._matrix(tensors).T

    def solution(self, wanted: Tensor, mask: Tensor, static: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weight and bias whose outputs are closest to the wanted (R, O), reading what ``mask`` (O or 1, C) allows."""
        start = self._matrix(static)
        weight = static[self.weight]
        allowed = mask.bool().expand(len(weight), -1).repeat_interleave(weight[0, 0].numel(), dim=1)
        if self.bias is not None:
            allowed = F.pad(allowed, (0, 1), value=True)
        found = least_squares(self.rows, wanted, allowed, start)
        fitted = found[:, : allowed.shape[1] - (self.bias is not None)].reshape(weight.shape)
        result = {self.weight: fitted}
        return result if self.bias is None else result | {self.bias: found[:, -1]}

    def _matrix(self, tensors: Mapping[str, Tensor]) -> Tensor:
        matrix = tensors[self.weight].flatten(1)
        return matrix if self.bias is None else torch.cat([matrix, tensors[self.bias][:, None]], 1)


def _fittable(traced: Traced, graph: ChannelGraph, node: fx.Node, read: Read) -> _Layer | None:
    """The layer of a call if it can be fitted: its weight is its own alone, and no group or stage has its own input."""
    layer = graph.layer_of.get(node.name)
    if layer is None or layer.groups > 1 or len(layer.nodes) > 1:
        return None
    features, bias = read(operand(node)), argument(node, "bias")
    names = [traced.tensors.get(operand(node, 1).name), traced.tensors.get(bias.name) if bias is not None else None]
    if isinstance(features, Versions) or names[0] != layer.weight or (bias is not None) != (names[1] is not None):
        return None
    rows = rows_read(node, features, read(operand(node, 1)), POSITIONS)
    if rows is None:
        return None
    return _Layer(rows if bias is None else F.pad(rows, (0, 1), value=1.0), layer.weight, names[1])


def least_squares(rows: Tensor, wanted: Tensor, allowed: Tensor, start: Tensor) -> Tensor:
    """Weights (O, I) that bring rows (R, I) closest to the wanted outputs (R, O); zero where they are not ``allowed``.

    Ridge regression: what the rows do not determine stays as in ``start``. It is solved in the smaller of R and I.
    """
    found, few_rows = start * allowed, rows.shape[0] < rows.shape[1]
    gram = None if few_rows else rows.T @ rows
    for pattern in torch.unique(allowed[allowed.any(1)], dim=0):
        same, read = (allowed == pattern).all(1), rows[:, pattern]
        missing = wanted[:, same] - read @ found[same][:, pattern].T
        ridge = RIDGE * len(rows) * float(read.square().mean())
        if gram is None:
            correction = read.T @ _solved(read @ read.T, ridge, missing)
        else:
            correction = _solved(gram[pattern][:, pattern], ridge, read.T @ missing)
        found[same.nonzero(), pattern.nonzero().T] += correction.T
    return found


def _solved(products: Tensor, ridge: float, right: Tensor) -> Tensor:
    """(products + ridge * identity)^-1 @ right, in double precision."""
    factor = products.double()
    factor.diagonal().add_(ridge)
    return torch.cholesky_solve(right.double(), torch.linalg.cholesky(factor)).to(right)
