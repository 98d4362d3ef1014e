"""The plan as a picture: the channels of each coupling by stage, and which stages each layer reads."""

import itertools
from typing import TYPE_CHECKING

from s2dnas.report.content import CouplingRecord, PlanRecord
from s2dnas.report.style import DYNAMIC, GRID, MUTED, bare, ink_on, stage_colors, stage_legend, styled, to_svg
from s2dnas.report.text import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME_LENGTH = 30
MANY = 40
"""From this many couplings on, rows are thinner; also the most layers in one line of the indicator matrix."""
_LABEL_FROM = 0.06


def plan_widths(plan: PlanRecord) -> str:
    """A bar per coupling, divided as its units are; the height grows with the couplings.

    Numbers are channels, or units marked ``u`` where the units of a coupling do not all have as many channels.
    """
    rows = len(plan.couplings)
    row_height = 0.26 if rows < MANY else 0.17
    size = 8.0 if rows < MANY else 7.0
    with styled(0.45 + row_height * max(1, rows)) as figure:
        axes = figure.add_subplot()
        for row, coupling in enumerate(plan.couplings):
            _coupling_bar(axes, row, coupling, size)
        bare(axes)
        axes.set(xlim=(0, 1), ylim=(max(1, rows) - 0.4, -0.6))
        axes.set_yticks(range(rows), [shorten(part.name, NAME_LENGTH) for part in plan.couplings], fontsize=size)
        axes.tick_params(axis="y", length=0)
        stage_legend(figure, plan.num_stages)
        return to_svg(figure)


def _coupling_bar(axes: "Axes", row: int, coupling: CouplingRecord, size: float) -> None:
    units = max(1, sum(coupling.widths))
    per_unit = coupling.channels // units if coupling.channels % units == 0 else None
    starts = itertools.accumulate(coupling.widths, initial=0)
    colors = stage_colors(len(coupling.widths))
    for width, start, color in zip(coupling.widths, starts, colors, strict=False):
        share = width / units
        axes.barh(row, share, left=start / units, height=0.8, color=color, edgecolor="white", linewidth=0.8)
        if share >= _LABEL_FROM:
            number = f"{width} u" if per_unit is None else str(width * per_unit)
            place = ((start + width / 2) / units, row)
            axes.text(*place, number, ha="center", va="center", fontsize=size - 0.5, color=ink_on(color))
    layers = coupling.layers if isinstance(coupling.layers, int) else len(coupling.layers)
    note = f"{coupling.channels} channels, {layers} layer{'' if layers == 1 else 's'}"
    axes.text(1.012, row, note, va="center", fontsize=size - 0.5, color=MUTED)


def plan_indicators(plan: PlanRecord) -> str:
    """A column per mixing layer and a row per pair of stages: filled where the later stage reads the earlier one."""
    layers = list(plan.indicators)
    pairs = [f"{later + 1} reads {earlier + 1}" for later in range(plan.num_stages) for earlier in range(later)]
    lines = [layers[start : start + MANY] for start in range(0, len(layers), MANY)]
    columns = max(len(line) for line in lines)
    names = 0.3 + 0.062 * max(len(shorten(name, NAME_LENGTH)) for name in layers)
    with styled(len(lines) * (0.15 * len(pairs) + names)) as figure:
        for number, line in enumerate(lines):
            axes = figure.add_subplot(len(lines), 1, number + 1)
            _matrix(axes, [plan.indicators[name] for name in line], columns)
            axes.set_xticks(range(len(line)), [shorten(name, NAME_LENGTH) for name in line], fontsize=7, rotation=90)
            axes.set_yticks(range(len(pairs)), pairs, fontsize=7)
        return to_svg(figure)


def _matrix(axes: "Axes", flags: list[tuple[bool, ...]], columns: int) -> None:
    from matplotlib.patches import Rectangle

    for column, row in itertools.product(range(len(flags)), range(len(flags[0]))):
        color = DYNAMIC if flags[column][row] else GRID
        axes.add_patch(Rectangle((column - 0.42, row - 0.42), 0.84, 0.84, color=color, linewidth=0))
    bare(axes)
    axes.tick_params(length=0)
    axes.set(xlim=(-0.6, max(columns, MANY // 2) - 0.4), ylim=(len(flags[0]) - 0.4, -0.6))
