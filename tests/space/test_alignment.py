"""Pieces that processors are fast at, and a warning where a plan has others."""

import numpy as np
import pytest
import torch
from torch import nn

from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import trace
from s2dnas.space.alignment import LEAST, STEP, slow_pieces, slow_widths
from s2dnas.space.division import search_space
from s2dnas.space.space import Split


def chain(*widths: int) -> ChannelGraph:
    layers: list[nn.Module] = []
    for inputs, outputs in zip((3, *widths), widths, strict=False):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))
    return analyse_channels(trace(model, torch.zeros(1, 3, 4, 4)))


@pytest.mark.parametrize(
    ("width", "stages", "piece"),
    [(512, 3, 32), (96, 3, 32), (80, 3, 16), (64, 3, 16), (64, 2, 32), (24, 3, 8), (12, 3, 4), (3, 3, 1)],
)
def test_aligned_pieces_are_as_wide_as_every_stage_having_one_allows(width: int, stages: int, piece: int) -> None:
    (split,) = (d for d in search_space(chain(width), stages, "aligned").decisions if isinstance(d, Split))
    assert split.pieces[1:] == (piece,) * (width // piece - 1)
    assert sum(split.pieces) == width


def test_plans_of_wide_aligned_pieces_need_no_warning() -> None:
    graph = chain(128, 256)
    space = search_space(graph, 3, "aligned")
    assert slow_pieces(graph, space) is None
    assert slow_widths(graph, space.sample(np.random.default_rng(0))) is None


def test_narrow_and_uneven_parts_are_counted() -> None:
    graph = chain(64, 128)
    space = search_space(graph, 2, 8)
    assert "24 of 24 pieces" in str(slow_pieces(graph, space))
    first, second = (d for d in space.decisions if isinstance(d, Split))
    narrow = space.decode([(1, 7), *[(1,)] * (len(space.decisions) - 2), (8, 8)][: len(space.decisions)])
    assert narrow.widths == {first.name: (8, 56), second.name: (64, 64)}
    assert "2 of 4 parts" in str(slow_widths(graph, narrow))
    assert (LEAST, STEP) == (32, 16)
