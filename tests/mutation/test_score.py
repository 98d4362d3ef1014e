"""Of small faults in the packages that decide, the tests of each notice at least 85 %."""

import pytest

from mutation.score import TESTS, mutation_score

SAMPLE = 150


@pytest.mark.slow
@pytest.mark.parametrize("package", TESTS)
def test_most_faults_are_noticed(package: str) -> None:
    found = mutation_score(package, TESTS[package], SAMPLE, seed=0)
    print(found)
    assert found.share >= 0.85, str(found)
