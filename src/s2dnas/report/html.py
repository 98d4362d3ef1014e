"""The report as one page that needs nothing else: styles, plots and images are inside."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from s2dnas.extras import require_extra
from s2dnas.report import text
from s2dnas.report.content import ReportContent
from s2dnas.report.images import Gallery, tiles
from s2dnas.report.rows import comparison, headline, savings


def render(content: ReportContent, plots: Mapping[str, str], first: Gallery | None, last: Gallery | None) -> str:
    """The page; ``plots`` holds SVG elements by name as ``plots.draw`` gives them, galleries show who leaves where.

    Raises MissingExtraError without jinja2.
    """
    require_extra("report", "jinja2", "markupsafe")
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("s2dnas.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": text.percent,
        "points": text.points,
        "millions": text.millions,
        "duration": text.duration,
    }
    return environment.get_template("report.html").render(
        content=content,
        headline=headline(content),
        rows=comparison(content),
        savings=savings(content),
        plots={name: Markup(svg) for name, svg in plots.items()},
        galleries=[
            (title, tiles(gallery))
            for title, gallery in (("first", first), ("last", last))
            if gallery is not None and len(gallery.images)
        ],
        settings=list(_flat(content.settings)),
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
