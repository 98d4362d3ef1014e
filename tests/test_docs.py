"""What the documents quote is what the result files hold."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REPORTS = sorted((ROOT / "results").glob("*/report.json"))


def test_there_are_results() -> None:
    assert REPORTS


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.parent.name)
def test_results_are_quoted_as_they_are(path: Path) -> None:
    report, page = json.loads(path.read_text()), (ROOT / "docs" / "results.md").read_text()
    results = [report["static"], report["static_equal"], *report["stages"], *report["operating_points"]]
    missing = [accuracy for each in results if (accuracy := f"{100 * each['accuracy']:.2f} %") not in page]
    assert not missing
    assert f"results/{path.parent.name}/report.json" in page
