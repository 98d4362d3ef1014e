"""Loaders are anything that yields images and labels; what does not fit is said at the first batch."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from s2dnas.api.loaders import Part, check_loader, gathered
from s2dnas.errors import DataError

IMAGE, CLASSES = (1, 4, 4), 3


def batch(count: int = 5) -> tuple[Tensor, Tensor]:
    return torch.zeros(count, *IMAGE), torch.arange(count) % CLASSES


def test_lists_and_data_loaders_are_loaders() -> None:
    check_loader([batch()], "data", IMAGE, CLASSES)
    check_loader(DataLoader(TensorDataset(*batch()), batch_size=2), "data", IMAGE, CLASSES)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: iter([batch()]), "can be iterated once only; give a DataLoader"),
        (list, "yields no batch"),
        (lambda: [torch.zeros(2, *IMAGE)], "must yield pairs"),
        (lambda: [(batch()[0].byte(), batch()[1])], "must be floats"),
        (lambda: [(batch()[0][0], batch()[1])], r"must be floats \(N, C, H, W\)"),
        (lambda: [(torch.zeros(5, 3, 4, 4), batch()[1])], r"are \(3, 4, 4\), the network was captured for \(1, 4, 4\)"),
        (lambda: [(batch()[0], batch()[1][:2])], r"must be class numbers \(5,\)"),
        (lambda: [(batch()[0], batch()[1].float())], "not torch.float32"),
        (lambda: [(batch()[0], batch()[1] + 1)], "go from 1 to 3, but the network has 3 classes"),
        (lambda: [(batch()[0], batch()[1] - 1)], "go from -1 to 1"),
    ],
)
def test_what_does_not_fit_is_said(make: Callable[[], list[tuple[Tensor, Tensor]]], said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        check_loader(make(), "data", IMAGE, CLASSES)
    assert "data" in str(raised.value)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(1, 4))
def test_parts_of_a_loader_hold_every_image_once(sizes: list[int], count: int) -> None:
    total = sum(sizes)
    labels = torch.arange(total)
    loader = [(part.view(-1, 1, 1, 1).float(), part) for part in labels.split(sizes)]
    parts = [torch.cat([*(y for _, y in Part(loader, index, count)), labels[:0]]) for index in range(count)]
    assert [part.tolist() for part in parts] == [labels[index::count].tolist() for index in range(count)]
    assert all(torch.equal(x.flatten().long(), y) for index in range(count) for x, y in Part(loader, index, count))


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(1, 30))
def test_no_more_images_are_gathered_than_are_wanted(sizes: list[int], limit: int) -> None:
    labels = torch.arange(sum(sizes))
    loader = [(part.view(-1, 1, 1, 1).float(), part) for part in labels.split(sizes)]
    assert torch.cat([y for _, y in gathered(loader, limit)]).tolist() == labels[:limit].tolist()
