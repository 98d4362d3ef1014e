"""Products of features with features (matrix products, einsum, attention): one letter per axis, as einsum has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx

from s2dnas.graph.calls import argument, operand, operator_name

# Batch axes are named from the last, so that those of equal letter broadcast.
_BATCH = "ABCDEFGHIJ"


@dataclass(frozen=True, eq=False)
class Factor:
    """An operand of a product, with one letter per axis."""

    source: fx.Node
    letters: str

    def axis(self, letter: str) -> int | None:
        """The axis of a letter, None if this operand does not have it."""
        return self.letters.index(letter) if letter in self.letters else None

    def align(self, values: Tensor, result: str) -> Tensor:
        """Values of this operand's axes as values of the result's: missing axes have size 1, others are dropped."""
        for axis in reversed(range(len(self.letters))):
            if self.letters[axis] not in result:
                values = values.select(axis, 0)
        own = [letter for letter in self.letters if letter in result]
        values = values.permute([own.index(letter) for letter in result if letter in own])
        return values[tuple(slice(None) if letter in own else None for letter in result)]


def factors_of(node: fx.Node, shapes: Mapping[str, Any]) -> tuple[list[Factor], str]:
    """The operands of a product and the letters of its result."""
    if operator_name(node) == "aten.einsum":
        equation, sources = argument(node, "equation"), argument(node, "tensors")
        operands, _, result = str(equation).replace(" ", "").partition("->")
        return [Factor(s, letters) for s, letters in zip(sources, operands.split(","), strict=True)], result
    return _attention(node, shapes) if "attention" in operator_name(node) else _matmul(node, shapes)


def _matmul(node: fx.Node, shapes: Mapping[str, Any]) -> tuple[list[Factor], str]:
    a, b = operand(node), operand(node, 1)
    rank_a, rank_b = len(shapes[a.name]), len(shapes[b.name])
    result = _batch(max(rank_a, rank_b) - 2) + "mn"
    return [Factor(a, _batch(rank_a - 2) + "mk"), Factor(b, _batch(rank_b - 2) + "kn")], result


def _attention(node: fx.Node, shapes: Mapping[str, Any]) -> tuple[list[Factor], str]:
    """Queries (.., m, k), keys (.., n, k), values (.., n, v), a mask (.., m, n)."""
    given = [*node.args[:3], argument(node, "attn_mask")]
    letters = [
        _batch(len(shapes[source.name]) - 2) + ends
        for source, ends in zip(given, ("mk", "nk", "nv", "mn"), strict=True)
        if isinstance(source, fx.Node)
    ]
    sources = [source for source in given if isinstance(source, fx.Node)]
    return [Factor(s, own) for s, own in zip(sources, letters, strict=True)], letters[0][:-1] + "v"


def _batch(count: int) -> str:
    return _BATCH[:count][::-1] if count > 0 else ""
