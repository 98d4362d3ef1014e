"""Test images that a report shows: those that leave first, and those that leave last."""

import numpy as np
import torch

from s2dnas.arrays import IntArray
from s2dnas.data.images import ImageData
from s2dnas.exits import ExitRule, ExitTable, decide
from s2dnas.report.images import Gallery

_SHOWN = 8


def galleries(data: ImageData, table: ExitTable, rule: ExitRule) -> tuple[Gallery, Gallery]:
    """Images that leave at the first stage, the surest first, and at the last, the least sure first.

    ``table`` holds the answers for ``data``; how sure is what the first stage's score says.
    """
    outcomes = decide(table, rule)
    surest = np.argsort(-table.scores[0])
    first = surest[outcomes.stages[surest] == 0][:_SHOWN]
    last = surest[outcomes.stages[surest] == table.num_stages - 1][::-1][:_SHOWN]
    return _gallery(data, first), _gallery(data, last)


def _gallery(data: ImageData, indices: IntArray) -> Gallery:
    captions = tuple(data.class_names[int(data.labels[i])] for i in indices)
    return Gallery(data.images[torch.from_numpy(indices.copy())].cpu().numpy(), captions)
