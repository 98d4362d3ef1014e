"""The comparison as a table: mean and spread over seeds."""

from collections.abc import Iterator, Sequence

from s2dnas.comparison.measured import MethodResult, mean_and_spread
from s2dnas.comparison.record import Comparison

_SPENT = ("M parameters", "epochs", "minutes of training", "of search")


def markdown(found: Comparison) -> str:
    """Accuracy at each budget, per method, in Markdown; a dash where a method has no setting that is so cheap."""
    budgets = [float(budget) for budget in found.settings["budgets"]]  # type: ignore[union-attr,arg-type]
    head = ["method", *(f"{budget:.0%} of macs" for budget in budgets), *_SPENT]
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *_rows(found, budgets)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n\n{_notes(found)}\n"


def _rows(found: Comparison, budgets: Sequence[float]) -> Iterator[list[str]]:
    static = found.static
    accuracy = _spread([each.accuracy for each in static])
    epochs = f"{static[0].epochs}"
    yield ["static", *[""] * (len(budgets) - 1), accuracy, f"{static[0].params / 1e6:.2f}", epochs, "", ""]
    for method in found.methods:
        measured = found.of(method)
        cells = [_cell(measured, budget) for budget in budgets]
        minutes = [_minutes([each.seconds for each in measured]), _minutes([each.search_seconds for each in measured])]
        yield [method, *cells, f"{measured[0].params / 1e6:.2f}", f"{measured[0].epochs}", *minutes]
    for method in found.not_applicable:
        yield [method, *["not applicable"] * len(budgets), *[""] * len(_SPENT)]


def _cell(measured: Sequence[MethodResult], budget: float) -> str:
    values = [at.accuracy for each in measured for at in each.at_budgets if at.budget == budget]
    return _spread(values) if len(values) == len(measured) else "-"


def _minutes(seconds: Sequence[float]) -> str:
    mean = mean_and_spread(seconds)[0]
    return f"{mean / 60:.1f}" if mean else ""


def _spread(accuracies: Sequence[float]) -> str:
    mean, spread = mean_and_spread(accuracies)
    return f"{mean:.2%} ± {100 * spread:.2f}" if len(accuracies) > 1 else f"{mean:.2%}"


def _notes(found: Comparison) -> str:
    seeds = ", ".join(str(static.seed) for static in found.static)
    lines = [
        f"{found.model} on {found.data}; seeds {seeds}; mean ± standard deviation. Thresholds are set on the "
        "calibration split for a mean cost of at most the budget; accuracies are those of the test split. The static "
        "network is trained as long as the others.",
        *_accounts(found),
        *(f"{method}: {reason}" for method, reason in found.not_applicable.items()),
    ]
    return "\n\n".join(lines)


def _accounts(found: Comparison) -> Iterator[str]:
    for method in found.methods:
        curves = found.of(method)
        if names := curves[0].accounts:
            means = {name: mean_and_spread([curve.accounts[name] for curve in curves])[0] for name in names}
            yield f"{method}: " + ", ".join(f"{name.replace('_', ' ')} {mean:.1%}" for name, mean in means.items())
