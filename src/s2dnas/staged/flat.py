"""Stages for other tools: modules from tensors to tensors, of layers that carry the names that their author gave."""

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import fx

from s2dnas.errors import SettingsError
from s2dnas.graph.calls import mode_argument, operator_name
from s2dnas.graph.dropout import is_dropout
from s2dnas.staged.build import MultiStageNet
from s2dnas.staged.flat_layers import with_layers
from s2dnas.staged.folding import fold_norms
from s2dnas.staged.stage import Stage
from s2dnas.values import IMAGE, feature_name, logits_name

_OF_SIZES = {"aten.sym_size", "aten.new_zeros", "aten.new_full", "device_of"}
"""What is asked of an image here is the same of every value of its samples: how many there are, type and device."""


class FlatStage(fx.GraphModule):
    """One stage, for inference alone: tensors named ``inputs`` to a tuple of tensors named ``outputs``, logits first.

    ``image`` is among the inputs of a stage that reads it, ``logits_1`` among those of a second stage that adds to the
    logits of the first; features are named by ``feature_name``.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def stage_modules(network: MultiStageNet, *, fold: bool = False) -> tuple[FlatStage, ...]:
    """The stages of a network as S modules of real layers, which any tool that takes an ``nn.Module`` can take.

    Each takes only what it reads and gives logits (N, K) and its own features that later stages take; whoever runs them
    keeps those by name. With ``fold``, batch norms behind convolutions are folded into them.
    Weights are copies. Raises SettingsError if the stages are others than were built.
    """
    if kinds := sorted({type(stage).__name__ for stage in network.stages if not isinstance(stage, Stage)}):
        raise SettingsError(f"the stages are {', '.join(kinds)}; give a network as it was built or loaded")
    return tuple(_flat(network, index, fold=fold) for index in range(network.num_stages))


def _flat(network: MultiStageNet, index: int, *, fold: bool) -> FlatStage:
    stage = cast(Stage, copy.deepcopy(network.stages[index]).eval())
    graph, output = stage.graph, stage.graph.output_node()
    logits, given = cast(tuple[Any, Sequence[fx.Node]], output.args[0])
    inputs = [IMAGE, *(feature_name(*key) for key in network.takes[index])]
    if network.accumulate_logits and index:
        logits = _added(graph, output, logits, logits_name(index - 1))
        inputs.append(logits_name(index - 1))
    output.args = ((logits, *given),)
    _for_inference(graph)
    if len(inputs) > 1 and _drop_image(graph):
        inputs.remove(IMAGE)
    root = with_layers(stage)
    if fold:
        fold_norms(root, graph)
    graph.eliminate_dead_code()
    flat = FlatStage(root, graph, f"Stage{index + 1}").eval()
    flat.inputs = tuple(inputs)
    flat.outputs = (logits_name(index), *(feature_name(*key) for key in network.gives[index]))
    return flat


def _added(graph: fx.Graph, output: fx.Node, logits: fx.Node, name: str) -> fx.Node:
    """The logits of a stage, added to those of the stage before it, which it takes last."""
    last = list(graph.find_nodes(op="placeholder"))[-1]
    with graph.inserting_after(last):
        before = graph.placeholder(name)
    with graph.inserting_before(output):
        return graph.call_function(torch.ops.aten.add.Tensor, (before, logits))


def _for_inference(graph: fx.Graph) -> None:
    """Nothing depends on a mode any more: what only training does is gone."""
    for node in list(graph.nodes):
        if node.op == "get_attr" and node.target == "training":
            for user in list(node.users):
                user.args = tuple(False if value is node else value for value in user.args)
            graph.erase_node(node)
    for node in list(graph.nodes):
        if is_dropout(node) and node.args[cast(int, mode_argument(node))] is False:
            node.replace_all_uses_with(cast(fx.Node, node.args[0]))
            graph.erase_node(node)


def _drop_image(graph: fx.Graph) -> bool:
    """Whether a stage goes without the image: it takes features, and asks of the image no more than of any of them."""
    image, feature, *_ = graph.find_nodes(op="placeholder")
    if not all(operator_name(user) in _OF_SIZES and _first_axis(user) for user in image.users):
        return False
    image.replace_all_uses_with(feature)
    graph.erase_node(image)
    return True


def _first_axis(user: fx.Node) -> bool:
    return operator_name(user) != "aten.sym_size" or bool(user.args[1] == 0)
