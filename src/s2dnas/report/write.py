"""A report on disk: the page, its data and its plots."""

from pathlib import Path

from s2dnas.artifacts import replacing
from s2dnas.extras import require_extra
from s2dnas.report.content import ReportContent
from s2dnas.report.html import render
from s2dnas.report.images import Gallery
from s2dnas.report.plots import draw


def write_report(
    folder: Path, content: ReportContent, first: Gallery | None = None, last: Gallery | None = None
) -> Path:
    """Write ``report.json``, ``plots/*.svg`` and ``report.html`` into the folder, each whole or not at all.

    ``first`` and ``last`` show images that leave at the first and at the last stage. Returns the path of the page.
    Raises MissingExtraError, before anything is written, if what draws a report is not installed.
    """
    require_extra("report")
    plots = draw(content)
    page = render(content, plots, first, last)
    content.save(folder / "report.json")
    for name, svg in plots.items():
        _write(folder / "plots" / f"{name}.svg", svg)
    return _write(folder / "report.html", page)


def _write(path: Path, content: str) -> Path:
    with replacing(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
    return path
