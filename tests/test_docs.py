"""What the documents quote is what the result files hold."""

import json
import re
from functools import reduce
from pathlib import Path
from statistics import mean

import capacity_table
import pytest

from s2dnas.artifacts import read_json
from s2dnas.comparison.record import Comparison
from s2dnas.comparison.table import markdown
from s2dnas.pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
REPORTS = sorted((ROOT / "results").glob("*/report.json"))


def _results() -> str:
    return (ROOT / "docs" / "results.md").read_text()


def test_there_are_results() -> None:
    assert REPORTS


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.parent.name)
def test_results_are_quoted_as_they_are(path: Path) -> None:
    report, page = json.loads(path.read_text()), _results()
    results = [report["static"], report["static_equal"], *report["stages"], *report["operating_points"]]
    missing = [accuracy for each in results if (accuracy := f"{100 * each['accuracy']:.2f} %") not in page]
    assert not missing
    assert f"results/{path.parent.name}/report.json" in page


def test_orders_are_quoted_as_they_are() -> None:
    rows, page = json.loads((ROOT / "results" / "orders.json").read_text())["rows"], _results()
    for row in rows:
        cells = (" / ".join(f"{100 * accuracy:.1f}" for accuracy in row[when]) for when in ("before", "after"))
        assert all(f"| {cell} % |" in page for cell in cells)


def test_reconstructed_weights_are_quoted_as_they_are() -> None:
    found, page = json.loads((ROOT / "results" / "reconstruction.json").read_text()), _results()
    assert f"{100 * found['static']['accuracy']:.2f} % of the 10,000 test images" in page
    for row in found["rows"]:
        (line,) = (line for line in page.splitlines() if line.startswith(f"| {row['images']} | "))
        assert f"| {' / '.join(f'{100 * accuracy:.1f}' for accuracy in row['stages'])} % |" in line


def test_techniques_are_quoted_as_they_are() -> None:
    rows, page = json.loads((ROOT / "results" / "techniques.json").read_text())["rows"], _results()
    for technique in {row["technique"] for row in rows}:
        same = [row for row in rows if row["technique"] == technique]
        assert sorted(row["seed"] for row in same) == [0, 1]
        stages = " / ".join(
            f"{100 * mean(column):.1f}" for column in zip(*(row["stages"] for row in same), strict=True)
        )
        columns = zip(*(row["at_budgets"] for row in same), strict=True)
        at = {points[0]["budget"]: 100 * mean(point["accuracy"] for point in points) for points in columns}
        assert f"| {stages} % | {at[0.3]:.2f} % | {at[0.4]:.2f} % | {at[0.5]:.2f} % |" in page, technique


def test_exit_rules_are_quoted_as_they_are() -> None:
    found = [json.loads(path.read_text()) for path in sorted((ROOT / "results" / "exit-rules").glob("*.json"))]
    page = (ROOT / "docs" / "exit-rules.md").read_text()
    for rows in zip(*(each["rules"] for each in found), strict=True):
        line = next(line for line in page.splitlines() if line.startswith(f"| {rows[0]['rule']} | "))
        for accuracies in zip(*(row["accuracy"] for row in rows), strict=True):
            if None not in accuracies:
                assert f"| {100 * sum(accuracies) / len(accuracies):.2f} %" in line
    for row in (row for each in found for row in each["promises"]):
        assert f" {100 * row['promised']:.1f} / {100 * row['failed']:.1f} % |" in page


def test_capacity_is_quoted_as_it_is() -> None:
    results, page = ROOT / "results", (ROOT / "docs" / "capacity.md").read_text()
    found = capacity_table.tables(
        read_json(results / "capacity.json", "capacity"), read_json(results / "ray-cost.json", "ray-cost")
    )
    assert all(table in page for table in found)


def test_the_cost_of_a_search_is_computed_from_what_was_measured() -> None:
    found = json.loads((ROOT / "results" / "resnet20-cifar10-jpeg" / "report.json").read_text())
    page, seconds, evaluations = (ROOT / "docs" / "scaling.md").read_text(), found["seconds"], 400
    assert found["search"]["evaluations"] == evaluations
    each, rest = seconds["search"] / evaluations, sum(seconds[step] for step in ("static", "shared", "train"))
    assert f"t = {each:.2f} s; static {seconds['static']:.0f} s, shared {seconds['shared']:.0f} s" in page
    for workers in (1, 2, 5, 10):
        spent = evaluations / 10 * (10 // workers) * each
        assert f"| {workers} | {spent:.0f} | {rest + spent:.0f} |" in page


def test_bundles_of_whole_networks_are_quoted_as_they_are() -> None:
    rows = read_json(ROOT / "results" / "zoo-bundles.json", "zoo_bundles")["rows"]
    page = (ROOT / "docs" / "deployment.md").read_text()
    for row in rows:
        name, _, width = row["model"].rpartition(":")
        differing = sum(len(check["differences"]) for check in row["answers"])
        errors = f"{max(row['stage_errors']):.1e} | {row['single_error']:.1e}"
        left = " / ".join(map(str, row["exits"]))
        assert f"| {name} | {width} | {errors} | {differing} | {left} |" in page
        assert row["passed"]


COMPARISONS = sorted((ROOT / "results").glob("compare-*/compare.json"))


def test_there_are_comparisons() -> None:
    assert COMPARISONS


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.parent.name)
def test_comparisons_are_quoted_as_they_are(path: Path) -> None:
    content = read_json(path, "compare")
    kept = {name: content[name] for name in ("model", "data", "curves", "settings")}
    reasons = {refused["method"]: refused["reason"] for refused in content["not_applicable"]}
    found = Comparison.model_validate({**kept, "static": content["static"]["seeds"], "not_applicable": reasons})
    table = markdown(found).split("\n\n")[0]
    assert table in _results()
    assert all(f"| {curve['method']} |" in table for curve in content["curves"])
    assert f"results/{path.parent.name}/compare.svg" in _results()
    assert path.with_suffix(".svg").exists()


def test_the_training_page_quotes_the_defaults() -> None:
    page = (ROOT / "docs" / "training.md").read_text()
    quoted = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", page, re.MULTILINE))
    defaults = Settings().model_dump(mode="json")
    for name, default in quoted.items():
        value = reduce(lambda section, key: section[key], name.split("."), defaults)
        assert json.loads(default) == value, name
    for section in ("train", "augmentation", "loss", "device"):
        assert {f"{section}.{name}" for name in defaults[section]} <= set(quoted)
