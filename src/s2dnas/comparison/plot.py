"""The comparison as a picture: accuracy against mean macs, a line per method and seed."""

from typing import TYPE_CHECKING

from s2dnas.comparison.published import PUBLISHED
from s2dnas.comparison.record import Comparison
from s2dnas.report.style import MUTED, STATIC, styled, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#d1531b", "#17406d", "#35a19b", "#8a5ea8", "#b8860b", "#c2557a", "#5b7f2b", "#6b7480")


def plot(found: Comparison) -> str:
    """The picture as an ``<svg>`` element."""
    with styled(5.2) as figure:
        axes = figure.add_subplot()
        _published(axes, found)
        for color, method in zip(COLORS, found.methods, strict=False):
            _method(axes, found, method, color)
        for index, static in enumerate(found.static):
            place, label = (static.macs / 1e6, 100 * static.accuracy), "static, equally trained" if not index else None
            axes.plot(*place, "s", color=STATIC, markersize=6, zorder=4, label=label)
        axes.set(xlabel="mean macs per sample (M)", ylabel="accuracy on the test split (%)")
        axes.set_xlim(0, 1.05 * _most_macs(found) / 1e6)
        axes.set_ylim(*visible(found))
        axes.grid()
        figure.legend(loc="outside lower left", ncols=3, fontsize=8.5)
        return to_svg(figure)


def visible(found: Comparison) -> tuple[float, float]:
    """Accuracies in %: from well below the static network, where curves start, or from a method's only point, up."""
    static = [each.accuracy for each in found.static]
    only = [curve.points[0].accuracy for curve in found.curves if len(curve.points) == 1]
    best = max(static + [point.accuracy for curve in found.curves for point in curve.points])
    return 100 * min([min(static) - 0.12, *(accuracy - 0.02 for accuracy in only)]), 100 * best + 1


def _method(axes: "Axes", found: Comparison, method: str, color: str) -> None:
    label: str | None = method
    for curve in found.of(method):
        macs = [point.mean_macs / 1e6 for point in curve.points]
        accuracies = [100 * point.accuracy for point in curve.points]
        style = "o" if len(macs) == 1 else "-"
        axes.plot(macs, accuracies, style, color=color, linewidth=1.7, alpha=0.85, markersize=6, label=label)
        label = None


def _published(axes: "Axes", found: Comparison) -> None:
    name = found.settings["published"]
    for method, points in PUBLISHED.get(str(name), {}).items():
        macs, accuracies = zip(*points, strict=True)
        axes.plot(macs, accuracies, linewidth=0.8, color=MUTED, linestyle="--", label=f"{method}, published, not ours")


def _most_macs(found: Comparison) -> float:
    dynamic = [point.mean_macs for curve in found.curves for point in curve.points]
    return max([found.static[0].macs, *dynamic])
