"""One look for all plots, and figures as deterministic SVG text; nothing here touches the global state of pyplot."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from s2dnas.extras import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.3
INK, MUTED, GRID = "#22272e", "#6b7480", "#e3e6ea"
DYNAMIC, POINT, STATIC = "#17406d", "#d1531b", "#22272e"
RAMP = ("#17406d", "#35a19b", "#f0b54a")

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "s2dnas",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Helvetica", "Arial"],
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


@contextmanager
def styled(height: float) -> Iterator["Figure"]:
    """A figure of the common width and the given height, both in inches; draw it and write it inside the block.

    Raises MissingExtraError without matplotlib.
    """
    require_extra("report", "matplotlib")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_SETTINGS):
        yield Figure(figsize=(WIDTH, height), layout="constrained")


def to_svg(figure: "Figure") -> str:
    """The figure as an ``<svg>`` element that also stands inside a page: no prologue, comments or group ids."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = re.sub(r"<!--.*?-->\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    return re.sub(r'<g id="[^"]*"', "<g", text)


def stage_colors(num_stages: int) -> list[str]:
    """One colour per stage (S,), from dark to bright, so that order shows."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    ramp = LinearSegmentedColormap.from_list("stages", RAMP)
    return [to_hex(ramp(stage / max(1, num_stages - 1))) for stage in range(num_stages)]


def ink_on(color: str) -> str:
    """Black or white, whichever reads better on ``color`` (relative luminance of sRGB, gamma taken as 2.2)."""
    from matplotlib.colors import to_rgb

    red, green, blue = (part**2.2 for part in to_rgb(color))
    return INK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.25 else "white"


def stage_legend(figure: "Figure", num_stages: int) -> None:
    """Name the colours of the stages above the plot."""
    from matplotlib.patches import Patch

    handles = [Patch(color=color, label=f"stage {stage + 1}") for stage, color in enumerate(stage_colors(num_stages))]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(8, num_stages), handlelength=1, fontsize=8.5)


def bare(axes: "Axes") -> None:
    """No frame and no ticks: for pictures that carry their own labels."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
