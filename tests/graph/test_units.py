"""Union-find over channel ids."""

import torch

from s2dnas.graph.units import Units, compress


def test_merging_is_transitive_and_pairwise() -> None:
    units = Units()
    a, b, c = units.fresh(3), units.fresh(3), units.fresh(3)
    units.merge(a, b)
    units.merge(b[1:], c[:2])
    roots = units.roots(torch.stack([a, b]))
    assert torch.equal(roots[0], roots[1])
    assert units.roots(c).tolist() == [roots[0, 1].item(), roots[0, 2].item(), c[2].item()]
    assert len(set(units.roots(a).tolist())) == 3


def test_zero_merges_with_nothing() -> None:
    units = Units()
    ids = units.fresh(2)
    units.merge(ids, torch.zeros(2, dtype=torch.int64))
    assert torch.equal(units.roots(ids), ids)


def test_merging_broadcasts() -> None:
    units = Units()
    ids = units.fresh(4)
    units.merge(ids.view(1, 4), ids[:1].view(1, 1))
    assert units.roots(ids).unique().numel() == 1


def test_a_reason_belongs_to_the_whole_class_and_the_first_counts() -> None:
    units = Units()
    a, b = units.fresh(2), units.fresh(2)
    units.fix(b[:1], "first")
    units.fix(a[:1], "second")
    units.merge(a, b)
    assert units.reasons() == {int(units.roots(a)[0]): "first"}


def test_compress_drops_axes_that_do_not_vary() -> None:
    units = Units()
    ids = units.fresh(3).view(1, 3, 1).expand(2, 3, 4)
    assert compress(ids, units).shape == (1, 3, 1)
    assert compress(torch.zeros(2, 3, dtype=torch.int64), units).shape == (1, 1)
    beside_padding = torch.tensor([[0, 1], [0, 0]])
    assert compress(beside_padding, units).tolist() == [[1]]
