"""What a report derives from its content: the comparison with the static network, the savings and the headline."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from s2dnas.report.content import ReportContent
from s2dnas.report.text import letter, percent

RowKind = Literal["static", "stage", "point"]


@dataclass(frozen=True)
class Row:
    """One line of the table static against dynamic; ``exit_share`` is (S,), empty for a row without exits.

    ``milliseconds`` per sample, one per size of the batch that was timed.
    """

    kind: RowKind
    name: str
    accuracy: float
    difference: float
    mean_macs: float
    cost: float
    exit_share: tuple[float, ...] = ()
    milliseconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Saving:
    """Shares of the static network's macs: saved by structure, saved by early exit, and their sum."""

    name: str
    structure: float
    exits: float

    @property
    def total(self) -> float:
        """All that is saved, as a share of the static network's macs."""
        return self.structure + self.exits


def comparison(content: ReportContent) -> tuple[Row, ...]:
    """The static network, the control, each stage alone and each operating point.

    ``difference`` is accuracy minus the static one, ``cost`` is macs as a share of the static network's.
    """
    return tuple(_rows(content))


def _rows(content: ReportContent) -> Iterator[Row]:
    static = content.static

    times = content.latency.times if content.latency else ()
    of_static = tuple(each.static for each in times)

    def row(kind: RowKind, name: str, accuracy: float, macs: float, milliseconds: tuple[float, ...]) -> Row:
        relative = (accuracy - static.accuracy, macs, macs / static.macs)
        return Row(kind, name, accuracy, *relative, milliseconds=milliseconds)

    yield row("static", "static", static.accuracy, static.macs, of_static)
    if control := content.static_control:
        yield row("static", f"static, {control.epochs} epochs more", control.accuracy, static.macs, of_static)
    for index, stage in enumerate(content.stages):
        spent = tuple(each.stages[index] for each in times)
        yield row("stage", f"stage {index + 1} for all", stage.accuracy, stage.macs, spent)
    for index, point in enumerate(content.operating_points):
        spent = tuple(float(np.dot(point.exit_share, each.stages)) for each in times)
        found = row("point", point_name(content, index), point.accuracy, point.mean_macs, spent)
        yield replace(found, exit_share=point.exit_share)


def point_name(content: ReportContent, index: int) -> str:
    """The letter and target of an operating point, the same in tables and plots."""
    return f"{letter(index)}: {content.operating_points[index].target}"


def savings(content: ReportContent) -> tuple[Saving, ...]:
    """One per operating point.

    By structure: what the last stage needs less than the static network, saved even if no sample leaves early.
    By early exit: by how much the mean over samples is below the cost of the last stage.
    """
    static, last = content.static.macs, content.stages[-1].macs
    return tuple(
        Saving(point_name(content, index), (static - last) / static, (last - point.mean_macs) / static)
        for index, point in enumerate(content.operating_points)
    )


def headline(content: ReportContent) -> str:
    """One sentence that says how the first operating point compares with the static network."""
    static = percent(content.static.accuracy)
    if not content.operating_points:
        return f"On {content.data}, the dynamic {content.model} reached no target (static: {static})."
    point = content.operating_points[0]
    cost = percent(point.mean_macs / content.static.macs, 0)
    return (
        f"On {content.data}, the dynamic {content.model} answers with {percent(point.accuracy)} accuracy "
        f"at {cost} of the static network's macs (static: {static})."
    )
