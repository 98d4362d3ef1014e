"""The coverage rows as a page: what holds for each zoo, how analysis grows, every row, and what was left out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

TOLERANCE = 1e-9
DIVISIBLE = 0.9
GROWTH = ("densenet121", "densenet169", "densenet201", "densenet161")

Row = Mapping[str, Any]

HOW = """\
A model is *captured* if it became a graph; its *divisible* share is that of the multiply-adds (macs) that stages divide
among themselves. It is *proven equal* if random plans of three stages, with pieces as thin as one channel, were built
and agree with the model's own module whose forbidden weights are zero and with the masked network, in float64 with a
relative error below 1e-9: the whole network and its stages one by one, several samples and one, in evaluation and
training mode; and if a counter counts the macs that the cost model says. Weights are random, and none is zero or
neutral. Each model has 1000 classes and takes the smallest of 64, 96, 128, ... pixels that it works with; shares of
macs depend on both.

Seconds are processor time of one thread, for float64 weights, once PyTorch's exporter is loaded; *memory* is
what capture and analysis take beside the model, as a multiple of its parameters.
"""


def markdown(
    document: Mapping[str, Any], excluded: Mapping[str, Mapping[str, str]], num_chosen: Mapping[str, int]
) -> str:
    """The page. Everything on it comes from the rows and the table of chosen models."""
    rows = document["rows"]
    sources = list(dict.fromkeys(row["source"] for row in rows))
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    parts = [
        "# Coverage",
        "Which networks of torchvision and timm can be divided, measured by\n\n"
        "    python benchmarks/coverage.py --json results/coverage.json --markdown docs/coverage.md\n\n"
        f"with {versions} on a shared {document['processor']}.",
        HOW.strip(),
        _summary({source: [row for row in rows if row["source"] == source] for source in sources}, num_chosen),
        _growth(rows),
    ]
    for source in sources:
        own = [row for row in rows if row["source"] == source]
        parts += [f"## {source}", _table(own), *_notes(own), _left_out(excluded[source])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(rows: Mapping[str, Sequence[Row]], num_chosen: Mapping[str, int]) -> str:
    def share(test: Callable[[Row], bool]) -> list[str]:
        return [f"{sum(map(test, own))} of {len(own)}" for own in rows.values()]

    def middle(value: Callable[[Row], float | None], form: str) -> list[str]:
        found = [[v for row in own if (v := value(row)) is not None] for own in rows.values()]
        return [form.format(median(values)) if values else "-" for values in found]

    lines = [
        ("measured", [f"{len(own)} of {num_chosen[source]}" for source, own in rows.items()]),
        ("captured", share(lambda row: row["captured"])),
        ("proven equal", share(lambda row: bool(row.get("proven")))),
        (f"at least {DIVISIBLE:.0%} divisible", share(lambda row: (row["divisible"] or 0) >= DIVISIBLE)),
        ("ended in an error that is not explained", share(lambda row: bool(row["raised"]))),
        ("median divisible share", middle(lambda row: row["divisible"], "{:.1%}")),
        ("median seconds of capture and analysis", middle(_understanding, "{:.2f}")),
        ("median seconds of building a plan", middle(lambda row: row["seconds"].get("build"), "{:.2f}")),
        ("median milliseconds of pricing a plan", middle(lambda row: _milliseconds(row, "cost"), "{:.2f}")),
        ("median memory", middle(_memory, "{:.2f}")),
    ]
    return _grid(["", *rows], [[name, *values] for name, values in lines])


def _growth(rows: Iterable[Row]) -> str:
    """How analysis grows with the graph, on the networks whose graphs differ in nothing but size."""
    found = {row["model"]: row for row in rows if row["source"] == "torchvision" and row["model"] in GROWTH}
    lines = [
        [name, str(row["calls"]), f"{analysis:.2f}", f"{1000 * analysis / row['calls']:.2f}"]
        for name in GROWTH
        if (row := found.get(name)) and (analysis := row["seconds"].get("analysis"))
    ]
    return _grid(["analysis of", "calls", "seconds", "ms per call"], lines) if lines else ""


def _table(rows: Sequence[Row]) -> str:
    head = ["model", "pixels", "M macs", "divisible", "oracle error", "macs error"]
    return _grid(
        [*head, "capture s", "analysis s", "build s", "memory", "note"],
        [_cells(row, index) for row, index in _numbered(rows)],
    )


def _cells(row: Row, note: int | None) -> list[str]:
    seconds = row["seconds"]
    return [
        row["model"],
        _shown(row.get("resolution"), "{}"),
        _shown(row.get("macs"), "{:.0f}", 1e-6),
        _shown(row["divisible"], "{:.1%}"),
        _shown(row["oracle_error"], "{:.0e}"),
        _shown(row["macs_error"], "{:.0e}") if row["macs_error"] else _shown(row["macs_error"], "{:.0f}"),
        *(_shown(seconds.get(step), "{:.2f}") for step in ("capture", "analysis", "build")),
        _shown(_memory(row), "{:.2f}"),
        "" if note is None else f"{note}",
    ]


def _notes(rows: Sequence[Row]) -> list[str]:
    """What stays whole or failed, once per reason, by the number that the rows point to."""
    reasons = {index: row["reason"] for row, index in _numbered(rows) if index is not None}
    return ["\n".join(f"{index}. {reason}" for index, reason in reasons.items())] if reasons else []


def _numbered(rows: Sequence[Row]) -> list[tuple[Row, int | None]]:
    reasons = list(dict.fromkeys(row["reason"] for row in rows if row["reason"]))
    return [(row, reasons.index(row["reason"]) + 1 if row["reason"] else None) for row in rows]


def _left_out(reasons: Mapping[str, str]) -> str:
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return "Left out: " + "; ".join(f"{', '.join(who)} ({reason})" for reason, who in names.items()) + "."


def _understanding(row: Row) -> float | None:
    seconds = row["seconds"]
    return seconds["capture"] + seconds["analysis"] if "analysis" in seconds else None


def _milliseconds(row: Row, step: str) -> float | None:
    seconds = row["seconds"].get(step)
    return None if seconds is None else 1000 * seconds


def _memory(row: Row) -> float | None:
    return row["peak_memory"] / row["model_memory"] if row["peak_memory"] is not None else None


def _shown(value: float | None, form: str, scale: float = 1) -> str:
    if value is None:
        return "-"
    return form.format(value if scale == 1 else value * scale)


def _grid(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *lines])
