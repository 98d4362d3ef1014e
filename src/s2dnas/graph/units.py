"""Which channels must share a stage number: union-find over channel ids, and where those ids lie in a tensor.

Every channel that a layer produces gets an id; 0 means "belongs anywhere" (the image, constants, padding). Beside
each activation goes an integer tensor of ids of the activation's rank, with size 1 along every axis on which the id
does not vary.
"""

import torch
from torch import Tensor

Ids = Tensor | tuple[Tensor, ...]
"""The ids of a call's result, or of each of several results."""


class NotDivisibleError(Exception):
    """A call's channels cannot be divided; the message is the reason."""


class Units:
    """Ids, the classes that they were merged into, and why some classes cannot be divided."""

    def __init__(self) -> None:
        self._parent = torch.zeros(1, dtype=torch.int64)
        self._reasons: list[tuple[int, str]] = []

    def fresh(self, count: int) -> Tensor:
        """``count`` new ids."""
        start = len(self._parent)
        ids = torch.arange(start, start + count)
        self._parent = torch.cat([self._parent, ids])
        return ids

    def roots(self, ids: Tensor) -> Tensor:
        """The representative of each id's class (with path compression)."""
        roots = self._parent[ids]
        while not torch.equal(roots, further := self._parent[roots]):
            roots = further
        self._parent[ids] = roots
        return roots

    def merge(self, a: Tensor, b: Tensor) -> None:
        """Merge ids pairwise (the tensors broadcast); 0 merges with nothing."""
        together = torch.stack([a + torch.zeros_like(b), b + torch.zeros_like(a)], dim=-1)
        pairs = self.roots(together.view(-1, 2))
        pairs = pairs[(pairs != 0).all(dim=1) & (pairs[:, 0] != pairs[:, 1])]
        for left, right in sorted({(left, right) for left, right in pairs.tolist()}):
            self._merge_one(left, right)

    def fix(self, ids: Tensor, reason: str) -> None:
        """Record that these channels cannot be divided; the first reason counts."""
        self._reasons += [(int(i), reason) for i in sorted(set(ids.flatten().tolist())) if i != 0]

    def reasons(self) -> dict[int, str]:
        """Why a class cannot be divided, by representative."""
        found: dict[int, str] = {}
        for i, reason in self._reasons:
            found.setdefault(self._root(i), reason)
        return found

    def _root(self, i: int) -> int:
        while (parent := int(self._parent[i])) != i:
            i = parent
        return i

    def _merge_one(self, left: int, right: int) -> None:
        left, right = self._root(left), self._root(right)
        self._parent[max(left, right)] = min(left, right)


def compress(ids: Tensor, units: Units) -> Tensor:
    """Ids of size 1 along every axis on which their class does not vary; a 0 beside a class takes that class."""
    ids = units.roots(ids)
    for axis in range(ids.ndim):
        if ids.shape[axis] > 1:
            largest = ids.amax(axis, keepdim=True)
            if bool(((ids == 0) | (ids == largest)).all()):
                ids = largest
    return ids


def varying_axes(ids: Tensor) -> set[int]:
    """The axes, counted from the end, along which ids vary."""
    return {axis - ids.ndim for axis, count in enumerate(ids.shape) if count > 1}
