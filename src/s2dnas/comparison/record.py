"""All that a comparison found out, as its table, its plot and compare.json show it."""

from collections.abc import Sequence

from pydantic import JsonValue

from s2dnas.comparison.measured import MethodResult
from s2dnas.records import Record


class Control(Record):
    """The static network that all methods are compared with: trained for as many epochs as they are."""

    seed: int
    accuracy: float
    macs: int
    params: int
    epochs: int


class MethodCurve(MethodResult):
    """What one method reached with one seed."""

    method: str
    seed: int


class Comparison(Record):
    """All that was found so far: the static network, and the curve of each method, per seed.

    ``not_applicable``: why a method cannot be used on this network.
    """

    model: str
    data: str
    static: tuple[Control, ...]
    curves: tuple[MethodCurve, ...]
    not_applicable: dict[str, str]
    settings: dict[str, JsonValue]

    @property
    def methods(self) -> Sequence[str]:
        """The methods that were measured, in the order of the settings."""
        return list(dict.fromkeys(curve.method for curve in self.curves))

    def of(self, method: str) -> Sequence[MethodCurve]:
        """A method's curves, one per seed."""
        return [curve for curve in self.curves if curve.method == method]
