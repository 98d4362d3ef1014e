"""The comparison for the terminal."""

from typing import TYPE_CHECKING

from s2dnas.report.content import ReportContent
from s2dnas.report.rows import Row, comparison
from s2dnas.report.text import millions, percent, points

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"static": "bold", "stage": "dim", "point": "green"}


def summary_table(content: ReportContent) -> "Table":
    """The static network against each stage and operating point, as a table that rich prints."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"{content.model} on {content.data}"))
    table.add_column("network")
    for column in ("accuracy", "points", "macs (M)", "of static"):
        table.add_column(column, justify="right")
    table.add_column("leave (%)", justify="right")
    rows = comparison(content)
    for index, row in enumerate(rows):
        ends = index + 1 == len(rows) or rows[index + 1].kind != row.kind
        table.add_row(*(Text(cell) for cell in _cells(row)), style=STYLES[row.kind], end_section=ends)
    return table


def _cells(row: Row) -> tuple[str, ...]:
    shares = " / ".join(percent(share, 0).removesuffix(" %") for share in row.exit_share)
    return (
        row.name,
        percent(row.accuracy, 2),
        "" if row.name == "static" else points(row.difference),
        millions(row.mean_macs),
        percent(row.cost),
        shares,
    )
