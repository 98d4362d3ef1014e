"""Measured speed-ups as a picture, beside what the macs promise."""

from collections.abc import Sequence

from s2dnas.report.style import DYNAMIC, MUTED, POINT, STATIC, styled, to_svg
from s2dnas.runtime.bench import BenchRow


def bench_plot(rows: Sequence[BenchRow], title: str) -> str:
    """Bars of the cut in macs and of the speed-up on the clock for each row, as an ``<svg>`` element."""
    with styled(3.2) as figure:
        axes = figure.add_subplot()
        places = range(len(rows))
        left, right = [place - 0.2 for place in places], [place + 0.2 for place in places]
        axes.bar(left, [row.mac_cut for row in rows], 0.36, color=MUTED, label="cut in macs")
        axes.bar(right, [row.speed_up for row in rows], 0.36, color=DYNAMIC, label="speed-up on the clock")
        for place, row in zip(right, rows, strict=True):
            color = POINT if row.speed_up < 1 else STATIC
            axes.annotate(f"{row.speed_up:.2f} x", (place, row.speed_up), ha="center", va="bottom", color=color)
        axes.axhline(1, color=STATIC, linewidth=0.8, linestyle="--")
        axes.set_xticks(places, [f"{row.batch}\n{1 - row.exit_share[-1]:.0%}" for row in rows])
        axes.set_xlabel("size of the batch, share that leaves early")
        axes.set_ylabel("times the static network")
        figure.legend(loc="outside upper right", ncols=2, fontsize=8.5)
        axes.set_title(title, loc="left", fontsize=9)
        return to_svg(figure)
