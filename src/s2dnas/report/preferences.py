"""What the search preferred, coupling by coupling."""

from collections.abc import Sequence

from s2dnas.report.content import Preference
from s2dnas.report.plan_picture import MANY, NAME_LENGTH
from s2dnas.report.style import GRID, INK, stage_colors, stage_legend, styled, to_svg
from s2dnas.report.text import shorten


def preferences_plot(preferences: Sequence[Preference]) -> str:
    """A row per coupling: where each stage ends in the best plans, mean and spread, and in the chosen one."""
    rows, num_stages = len(preferences), len(preferences[0].middle) + 1
    row_height, size = (0.26, 8.0) if rows < MANY else (0.17, 7.0)
    with styled(0.75 + row_height * rows) as figure:
        axes = figure.add_subplot()
        for row, found in enumerate(preferences):
            axes.axhline(row, color=GRID, linewidth=0.8)
            ends = zip(found.middle, found.spread, found.chosen, stage_colors(num_stages), strict=False)
            for middle, spread, chosen, color in ends:
                axes.barh(row, 2 * spread, left=middle - spread, height=0.55, color=color, alpha=0.45, linewidth=0)
                axes.plot(middle, row, "o", color=color, markersize=4.5)
                axes.plot([chosen, chosen], [row - 0.36, row + 0.36], color=INK, linewidth=1.4)
        axes.set(xlim=(0, 1), ylim=(rows - 0.4, -0.6), xlabel="share of the channels at which a stage ends")
        axes.set_yticks(range(rows), [shorten(found.coupling, NAME_LENGTH) for found in preferences], fontsize=size)
        axes.tick_params(axis="y", length=0)
        stage_legend(figure, num_stages)
        return to_svg(figure)
