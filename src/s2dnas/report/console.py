"""For the terminal: the comparison with the static network, and the result of a verification."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from s2dnas.extras import require_extra
from s2dnas.report.content import ReportContent
from s2dnas.report.rows import Row, comparison
from s2dnas.report.text import millions, percent, points

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"static": "bold", "stage": "dim", "point": "green"}


def summary_table(content: ReportContent) -> "Table":
    """The static network against each stage and operating point, as a table that rich prints.

    Raises MissingExtraError without rich.
    """
    require_extra("cli", "rich")
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"{content.model} on {content.data}"))
    table.add_column("network")
    batches = [f"ms at {each.batch}" for each in content.latency.times] if content.latency else []
    for column in ("accuracy", "points", "macs (M)", "of static", *batches):
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
        *(f"{each:.3g}" for each in row.milliseconds),
        shares,
    )


def verification_lines(model: str, found: Mapping[str, Any]) -> Iterator[str]:
    """Lines on the verification of a model; ``found`` is its result as plain values."""
    for check in found["plans"]:
        name = f"{check['plan']['num_stages']} stages" if check["plan"]["num_stages"] > 1 else "the static network"
        if check["failure"]:
            yield f"  {name}: {check['failure']}"
            continue
        yield f"  {name}: {len(check['comparisons'])} comparisons, macs {' / '.join(map(millions, check['macs']))} M"
        for compared in check["comparisons"]:
            yield f"    {_error(compared['error'])} from {compared['what']}"
    for fault in found["faults"]:
        yield f"  wrong: {fault}"
    verdict = "passed" if found["passed"] else "FAILED"
    yield f"{model}: {verdict}, {len(found['plans']) - 1} random plans, tolerance {found['tolerance']:.0e} (relative)"


def _error(error: float | None) -> str:
    return "without limit" if error is None else f"{error:.1e}"
