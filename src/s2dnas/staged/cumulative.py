"""How a stage runs a call that reads all channels at once: on the features of all stages up to its own."""

from typing import Any

import numpy as np
import torch
from torch import fx

from s2dnas.graph.calls import operand
from s2dnas.graph.cumulative import for_channels
from s2dnas.staged.writer import StageWriter


def cumulative(writer: StageWriter, node: fx.Node) -> Any:
    """The stage's version of a result without channels; of one with channels its own, None if it has none."""
    source, axis = operand(node), writer.graph.cumulative[node.name]
    versions, kept = writer.parts.per_stage(node.name), writer.parts.stage_along(source.name, axis)
    if not versions and not (kept == writer.index).any():
        return None
    found = [writer.stage_part(source, stage) for stage in range(writer.index + 1) if (kept == stage).any()]
    if not found:
        return _nothing(writer, node)
    joined, count = writer.out.concatenate(found, axis), int((kept <= writer.index).sum())
    arguments = for_channels(node, len(writer.traced.shapes[source.name]), axis, count)
    result = writer.out.repeat(node, [joined, *writer.number(arguments[1:])], writer.number(node.kwargs))
    first = int((kept < writer.index).sum())
    return result if versions else writer.out.select(result, axis, np.arange(first, count), count)


def _nothing(writer: StageWriter, node: fx.Node) -> Any:
    """What a call gives that reads no feature at all, since all of them come later: zeros."""
    shapes = writer.traced.shapes[node.name]
    several = bool(shapes) and isinstance(shapes[0], tuple)
    zeros = [
        writer.out.call(torch.ops.aten.new_zeros.default, writer.out.image, [writer.out.samples(), *shape[1:]])
        for shape in (shapes if several else [shapes])
    ]
    return tuple(zeros) if several else zeros[0]
