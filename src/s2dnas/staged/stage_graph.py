"""The graph of one stage while it is written: calls, the parts that it takes from earlier stages, its own tensors."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from s2dnas.arrays import IntArray
from s2dnas.graph.calls import mode_argument
from s2dnas.staged.devices import device_of, with_device
from s2dnas.staged.holding import hold
from s2dnas.staged.stage import Stage

# A value of the static network, and the stage that computed a part of it.
Key = tuple[str, int]


class StageGraph:
    """Calls on the image and on parts of earlier stages; ``inputs`` collects those parts."""

    def __init__(self, parameters: Set[str]) -> None:
        self.graph, self.root = fx.Graph(), nn.Module()
        self.image = self.graph.placeholder("x")
        self.inputs: dict[Key, fx.Node] = {}
        self._parameters = parameters
        self._tensors: dict[str, fx.Node] = {}
        self._training: fx.Node | None = None
        self._device: fx.Node | None = None

    def call(self, target: Any, *arguments: Any, **keywords: Any) -> fx.Node:
        """A call of an operator."""
        return self.graph.call_function(target, arguments, keywords)

    def repeat(self, node: fx.Node, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> fx.Node:
        """A call of the static network on other arguments.

        What it does in training follows the stage's own mode; what it makes is on the device of the images.
        """
        arguments, position = list(arguments), mode_argument(node)
        if position is not None and position < len(arguments):
            arguments[position] = self._mode()
        return self.call(
            node.target,
            *with_device(tuple(arguments), self._image_device),
            **with_device(dict(keywords), self._image_device),
        )

    def input(self, name: str, stage: int) -> fx.Node:
        """A part of a value that an earlier stage computed."""
        if (name, stage) not in self.inputs:
            with self.graph.inserting_after(self._last_placeholder()):
                self.inputs[name, stage] = self.graph.placeholder(f"{name}_of_{stage + 1}")
        return self.inputs[name, stage]

    def tensor(self, name: str, value: Tensor, alias: str | None = None) -> fx.Node:
        """A parameter or buffer of the stage, under the static network's qualified name, or an alias of it."""
        key = alias or name
        if key not in self._tensors:
            own = value.detach().clone()
            hold(self.root, key, nn.Parameter(own) if name in self._parameters else own)
            self._tensors[key] = self.graph.get_attr(key)
        return self._tensors[key]

    def select(self, value: fx.Node, axis: int, positions: IntArray, size: int) -> fx.Node:
        """Some positions along an axis of the given size: all, a slice, or picked one by one."""
        if np.array_equal(positions, np.arange(size)):
            return value
        start, count = int(positions[0]), len(positions)
        if np.array_equal(positions, np.arange(start, start + count)):
            return self.call(torch.ops.aten.slice.Tensor, value, axis, start, start + count)
        name = f"positions_{len(self._tensors)}"
        self.root.register_buffer(name, index(positions), persistent=False)
        self._tensors[name] = self.graph.get_attr(name)
        return self.call(torch.ops.aten.index_select.default, value, axis, self._tensors[name])

    def concatenate(self, parts: Sequence[fx.Node], axis: int) -> fx.Node:
        """The parts one after the other; one part alone is left as it is."""
        return parts[0] if len(parts) == 1 else self.call(torch.ops.aten.cat.default, list(parts), axis)

    def samples(self) -> fx.Node:
        """N, read from the image when the stage runs."""
        return self.call(torch.ops.aten.sym_size.int, self.image, 0)

    def finish(self, logits: fx.Node, given: Sequence[fx.Node], name: str) -> Stage:
        """A module from the image and ``inputs``, in order, to the logits and what is given to later stages.

        Inputs that nothing reads are dropped.
        """
        self.graph.output((logits, tuple(given)))
        self.graph.eliminate_dead_code()
        for key, placeholder in list(self.inputs.items()):
            if not placeholder.users:
                self.graph.erase_node(placeholder)
                del self.inputs[key]
        return Stage(self.root, self.graph, name)

    def _mode(self) -> fx.Node:
        """The stage module's own ``training`` flag, read when it runs."""
        if self._training is None:
            with self.graph.inserting_after(self._last_placeholder()):
                self._training = self.graph.get_attr("training")
        return self._training

    def _image_device(self) -> fx.Node:
        if self._device is None:
            with self.graph.inserting_after(self._last_placeholder()):
                self._device = self.call(device_of, self.image)
        return self._device

    def _last_placeholder(self) -> fx.Node:
        last = self.image
        for node in self.graph.find_nodes(op="placeholder"):
            last = node
        return last


def index(positions: IntArray) -> Tensor:
    """Positions as torch indexes with them."""
    return torch.from_numpy(np.array(positions, dtype=np.int64))
