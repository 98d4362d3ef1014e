"""The least time counts, of runs that are done in turn."""

import time

from s2dnas.profile.timing import FEWEST, least_milliseconds


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_the_time_of_each_run_is_told() -> None:
    short, long = least_milliseconds([lambda: burn(0.002), lambda: burn(0.006)], 0.0)
    assert 2 <= short < 6 <= long


def test_the_least_counts() -> None:
    durations = iter([0.03, 0.002, *[0.03] * 20])
    (least,) = least_milliseconds([lambda: burn(next(durations))], 0.0)
    assert 2 <= least < 30


def test_runs_are_done_in_turn_with_something_between_the_rounds() -> None:
    done: list[str] = []
    least_milliseconds([lambda: done.append("a"), lambda: done.append("b")], 0.0, lambda: done.append("-"))
    assert "".join(done) == "-ab" * FEWEST


def test_what_waits_takes_no_processor_time() -> None:
    (waiting,) = least_milliseconds([lambda: time.sleep(0.02)], 0.0)
    assert waiting < 10


def test_it_goes_on_for_as_long_as_it_may() -> None:
    done: list[int] = []
    start = time.monotonic()
    least_milliseconds([lambda: (time.sleep(0.001), done.append(1))], 0.1)
    assert len(done) > FEWEST
    assert time.monotonic() - start >= 0.1
