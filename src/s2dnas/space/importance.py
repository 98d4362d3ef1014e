"""How much each unit of a network matters, and couplings whose most important units come first.

Since weights are inherited, the best channels then go to the first stage.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from s2dnas.arrays import FloatArray, IntArray
from s2dnas.errors import SettingsError, nearest
from s2dnas.graph.channels import ChannelGraph, Layout

_Measurements = Iterator[tuple[IntArray, Tensor]]


def by_l1(graph: ChannelGraph, images: Tensor | None = None) -> FloatArray:  # noqa: ARG001
    """Importance (U,): the L1 norm of the weights that produce a unit.

    L1 norms of filters as their importance: Li et al., Pruning Filters for Efficient ConvNets, 2017.
    """
    return _mean_of_relative(graph, _producing_weights(graph))


def by_norm_scale(graph: ChannelGraph, images: Tensor | None = None) -> FloatArray:  # noqa: ARG001
    """Importance (U,): the scale of a unit in batch, group or layer norms; the L1 norm where there is none.

    Scales as importance: Liu et al., Learning Efficient Convolutional Networks through Network Slimming, 2017.
    """
    scales = _mean_of_relative(graph, _norm_scales(graph))
    return np.where(scales > 0, scales, by_l1(graph))


def by_activation(graph: ChannelGraph, images: Tensor | None = None) -> FloatArray:
    """Importance (U,): what a unit adds to the layers that read it, for ``images`` (N, C, H, W).

    That is its mean absolute activation times the L1 norm of the weights that read it.
    Raises SettingsError without images.
    """
    if images is None:
        raise SettingsError("importance 'activation' needs images; give a batch of training images")
    return _mean_of_relative(graph, _contributions(graph, images))


def as_defined(graph: ChannelGraph, images: Tensor | None = None) -> FloatArray:  # noqa: ARG001
    """Equal importance: units stay in the order of the network's channels."""
    return np.zeros(graph.num_units)


IMPORTANCES: dict[str, Callable[[ChannelGraph, Tensor | None], FloatArray]] = {
    "l1": by_l1,
    "norm_scale": by_norm_scale,
    "activation": by_activation,
    "none": as_defined,
}


def by_importance(graph: ChannelGraph, importance: str = "l1", images: Tensor | None = None) -> ChannelGraph:
    """The same analysis with each coupling's units from most to least important.

    ``importance`` is a name in ``IMPORTANCES``; "activation" looks at ``images`` (N, C, H, W), normalised as in
    training. Raises SettingsError for an unknown name, or one that needs images and has none.
    """
    if importance not in IMPORTANCES:
        raise SettingsError(f"unknown importance {importance!r}{nearest(importance, IMPORTANCES)}")
    values = IMPORTANCES[importance](graph, images)
    couplings = tuple(
        replace(coupling, units=coupling.units[np.argsort(-values[coupling.units], kind="stable")])
        for coupling in graph.couplings
    )
    return replace(graph, couplings=couplings)


def _mean_of_relative(graph: ChannelGraph, measured: _Measurements) -> FloatArray:
    """Mean (U,) over the places where a unit was measured, each divided by the place's mean, so that none dominates."""
    total, count = np.zeros(graph.num_units), np.zeros(graph.num_units)
    for units, tensor in measured:
        values = tensor.detach().double().cpu().numpy()
        np.add.at(total, units, values / max(values.mean(), np.finfo(float).tiny))
        np.add.at(count, units, 1)
    return np.asarray(total / np.maximum(count, 1))


def _producing_weights(graph: ChannelGraph) -> _Measurements:
    for layer in graph.mixing:
        yield layer.outputs, graph.traced.values[layer.weight].detach().abs().flatten(1).sum(1)


def _norm_scales(graph: ChannelGraph) -> _Measurements:
    traced = graph.traced
    for node in traced.graph.nodes:
        layout = graph.layouts.get(node.name)
        if "_norm" not in str(node.target) or not isinstance(layout, Layout) or layout.axis is None:
            continue
        for source in node.all_input_nodes[1:2]:
            scale = traced.values.get(traced.tensors.get(source.name, ""))
            if scale is not None and scale.shape == (traced.shapes[node.name][layout.axis],):
                yield layout.along(len(scale)), scale.detach().abs()


def _contributions(graph: ChannelGraph, images: Tensor) -> _Measurements:
    run, traced = _Recorder(graph), graph.traced
    names = [node.name for node in traced.graph.nodes if node.op == "placeholder"]
    with torch.no_grad():
        run.run(*(images if name == traced.image else traced.values[traced.tensors[name]] for name in names))
    for node, mean in run.means.items():
        layer = graph.layer_of[node]
        weight = graph.traced.values[layer.weight].detach().abs()
        yield layer.inputs, mean * weight.transpose(0, 1).flatten(1).sum(1)


class _Recorder(fx.Interpreter):
    """Records the mean absolute value per channel (C,) of what each mixing layer without groups reads."""

    def __init__(self, graph: ChannelGraph) -> None:
        super().__init__(fx.GraphModule({}, graph.traced.graph))
        self.graph_of_channels, self.means = graph, dict[str, Tensor]()

    def run_node(self, n: fx.Node) -> Any:
        layer = self.graph_of_channels.layer_of.get(n.name)
        if layer is not None and layer.groups == 1:
            layout = self.graph_of_channels.layouts[n.all_input_nodes[0].name]
            if isinstance(layout, Layout) and layout.axis is not None:
                (args, _) = self.fetch_args_kwargs_from_env(n)
                self.means[n.name] = args[0].abs().movedim(layout.axis, 0).flatten(1).mean(1)
        return super().run_node(n)
