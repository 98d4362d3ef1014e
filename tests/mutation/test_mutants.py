"""Faults count if they change what is done, and a fault that no test notices is reported."""

from collections import Counter
from pathlib import Path

import pytest

from mutation.mutants import mutants
from mutation.score import mutation_score

SOURCE = '''
"""A module."""
import logging

_log = logging.getLogger(__name__)
LIMIT = 3


class Shop:
    def sell(self, prices, budget):
        """Those that can be paid."""
        if budget < 0:
            raise ValueError("a budget of " + str(budget - 1))
        _log.info("%d prices", len(prices) + 1)
        return [price for price, _ in zip(prices, prices, strict=True) if price <= budget]


def label(count):
    return f"{count * 2} sold"


def total(count, price):
    return count * price
'''
TEST = """
from house.shop import Shop, label, total

def test_a_price_that_is_the_budget_can_be_paid():
    assert Shop().sell([1, 2, 3], 2) == [1, 2]
    assert total(1, 1) == 1
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {"src/house/__init__.py": "", "src/house/shop.py": SOURCE, "tests/test_shop.py": TEST}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_messages_and_assertions_of_equal_lengths_do_not_count(tree: Path) -> None:
    counted = [(m.line, m.before, m.after) for m in mutants(tree, "house") if m.counts]
    assert counted == [
        (12, "< 0", "<= 0"),
        (12, "0", "1"),
        (15, "zip(prices, prices, strict=True)", "zip(None, prices, strict=True)"),
        (15, "zip(prices, prices, strict=True)", "zip(prices, None, strict=True)"),
        (15, "zip(prices, prices, strict=True)", "zip(prices, strict=True)"),
        (15, "zip(prices, prices, strict=True)", "zip(prices, strict=True)"),
        (15, "<= budget", "< budget"),
        (23, "count * price", "count / price"),
    ]


@pytest.mark.slow
def test_a_fault_that_no_test_notices_is_a_survivor(tree: Path) -> None:
    found = mutation_score("house", ("tests",), sample=100, seed=0, root=tree)
    assert found.states == Counter(killed=5, survived=3)
    assert [mutant.after for mutant in found.survivors] == ["<= 0", "1", "count / price"]
    assert found.share == 5 / 8


@pytest.mark.slow
def test_a_crash_is_not_a_failed_test(tree: Path) -> None:
    (tree / "src/house/shop.py").write_text("def total(count, price):\n    return count * price\n")
    (tree / "tests/test_shop.py").write_text(
        "import os\nfrom house.shop import total\n\ndef test_total():\n    if total(2, 3) != 6:\n        os.abort()\n"
    )
    found = mutation_score("house", ("tests",), sample=100, seed=0, root=tree)
    assert found.states == Counter(suspicious=1)
    assert found.share == 0
