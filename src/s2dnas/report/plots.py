"""The plots of a report: accuracy against cost, and where samples leave; other plots have files of their own."""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from s2dnas.report.content import PointResult, ReportContent
from s2dnas.report.plan_picture import plan_indicators, plan_widths
from s2dnas.report.preferences import preferences_plot
from s2dnas.report.progress import search_plot, training_plot
from s2dnas.report.rows import point_name
from s2dnas.report.style import (
    DYNAMIC,
    MUTED,
    POINT,
    STATIC,
    bare,
    ink_on,
    stage_colors,
    stage_legend,
    styled,
    to_svg,
)
from s2dnas.report.text import letter, percent, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL_FROM = 0.045
"""A share needs this much of the bar for its label to fit."""


def draw(content: ReportContent) -> dict[str, str]:
    """All plots that the content has data for, as SVG by name; equal contents give equal text."""
    plots = {"cost_accuracy": cost_accuracy(content), "plan": plan_widths(content.plan)}
    if content.operating_points:
        plots["exits"] = exits(content)
    if content.plan.num_stages > 1 and content.plan.indicators:
        plots["indicators"] = plan_indicators(content.plan)
    if content.search and content.search.rewards:
        plots["search"] = search_plot(content.search)
    if content.search and content.search.preferences:
        plots["preferences"] = preferences_plot(content.search.preferences)
    if content.training and content.training.history:
        plots["training"] = training_plot(content.training)
    return plots


def cost_accuracy(content: ReportContent) -> str:
    """Accuracy against mean macs: the dynamic curve, the static network, each stage alone, each operating point."""
    chosen = content.operating_points
    with styled(4.1 + 0.2 * len(chosen)) as figure:
        axes = figure.add_subplot()
        curve = sorted(content.curve, key=lambda point: point.mean_macs)
        macs, accuracy = [point.mean_macs / 1e6 for point in curve], [100 * point.accuracy for point in curve]
        if curve:
            axes.plot(macs, accuracy, color=DYNAMIC, linewidth=1.8, label="dynamic, by thresholds")
        _mark_static(axes, content)
        _mark_stages(axes, content)
        _mark_points(axes, content)
        axes.set(xlabel="mean macs per sample (M)", ylabel="accuracy on the test split (%)")
        axes.set_xlim(left=0)
        axes.margins(y=0.12)
        axes.grid()
        _share_axis(axes, content.static.macs)
        figure.legend(loc="outside lower left", ncols=1 if chosen else 2, fontsize=8.5)
        return to_svg(figure)


def _share_axis(axes: "Axes", static_macs: int) -> None:
    factor = 100e6 / static_macs
    top = axes.secondary_xaxis(
        "top",
        functions=(
            lambda macs: np.asarray(macs, dtype=np.float64) * factor,
            lambda share: np.asarray(share, dtype=np.float64) / factor,
        ),
    )
    top.set_xlabel("% of the static network's macs", color=MUTED)
    top.tick_params(labelcolor=MUTED)


def _mark_static(axes: "Axes", content: ReportContent) -> None:
    static = content.static
    axes.axhline(100 * static.accuracy, color=STATIC, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.plot(static.macs / 1e6, 100 * static.accuracy, "s", color=STATIC, markersize=7, label="static network")
    if control := content.static_control:
        label = f"static network, {control.epochs} epochs more"
        place = (static.macs / 1e6, 100 * control.accuracy)
        axes.plot(*place, "s", color=STATIC, markerfacecolor="white", markersize=7, label=label)


def _mark_stages(axes: "Axes", content: ReportContent) -> None:
    for index, stage in enumerate(content.stages):
        place = (stage.macs / 1e6, 100 * stage.accuracy)
        label = "one stage for all samples" if index == 0 else None
        axes.plot(*place, "o", color=DYNAMIC, markerfacecolor="white", markersize=6, zorder=3, label=label)
        axes.annotate(
            f"stage {index + 1}", place, (7, -11), textcoords="offset points", fontsize=8.5, color=DYNAMIC, va="center"
        )


def _mark_points(axes: "Axes", content: ReportContent) -> None:
    """A lettered mark per operating point; targets that the same rule meets share a mark."""
    places: dict[tuple[float, float], str] = {}
    for index, point in enumerate(content.operating_points):
        place = (point.mean_macs / 1e6, 100 * point.accuracy)
        label = shorten(point_name(content, index), 80)
        axes.plot(*place, "o", color=POINT, markersize=11, markeredgecolor="white", zorder=4, label=label)
        places[place] = places.get(place, "") + letter(index)
    for place, letters in places.items():
        size = 7.5 if len(letters) == 1 else 11 / len(letters)
        axes.text(*place, letters, color="white", fontsize=size, weight="bold", ha="center", va="center", zorder=5)


def exits(content: ReportContent) -> str:
    """Share of the samples that leave per stage, a bar per operating point, and how accurate those are."""
    num_stages, rows = len(content.stages), len(content.operating_points)
    with styled(0.75 + 0.62 * rows) as figure:
        bars, cells = figure.subplots(1, 2, sharey=True, width_ratios=(10, 1.2 + 1.45 * min(num_stages, 6)))
        for row, point in enumerate(content.operating_points):
            _exit_bar(bars, row, point)
            name = shorten(point_name(content, row), 64)
            bars.text(0, row - 0.3, name, va="bottom", fontsize=8.5)
            for stage, accuracy in enumerate(point.exit_accuracy):
                text = "\N{EN DASH}" if accuracy is None else percent(accuracy)
                cells.text(stage + 0.5, row, text, ha="center", va="center", fontsize=_cell_size(num_stages))
        for stage, color in enumerate(stage_colors(num_stages)):
            cells.plot(stage + 0.5, -0.42, "s", color=color, markersize=7, clip_on=False)
        bare(bars)
        bare(cells)
        bars.set(xlim=(0, 1), ylim=(rows - 0.6, -0.62), xlabel="share of the samples that leave at each stage")
        cells.set(xlim=(0, num_stages), xlabel="their accuracy")
        stage_legend(figure, num_stages)
        return to_svg(figure)


def _cell_size(num_stages: int) -> float:
    return 8.5 if num_stages <= 6 else 51 / num_stages


def _exit_bar(axes: "Axes", row: int, point: PointResult) -> None:
    colors = stage_colors(len(point.exit_share))
    starts = itertools.accumulate(point.exit_share, initial=0.0)
    for share, start, color in zip(point.exit_share, starts, colors, strict=False):
        axes.barh(row, share, left=start, height=0.44, color=color, edgecolor="white", linewidth=0.8)
        if share >= _LABEL_FROM:
            axes.text(
                start + share / 2,
                row,
                f"{100 * share:.0f} %",
                ha="center",
                va="center",
                fontsize=8,
                color=ink_on(color),
            )
