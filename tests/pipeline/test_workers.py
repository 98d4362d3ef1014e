"""A run whose plans are scored by workers, which know its folder alone."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from s2dnas.errors import SettingsError
from s2dnas.extras import MissingExtraError
from s2dnas.pipeline import workers
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import untrained_evaluator
from s2dnas.pipeline.settings import load_settings
from s2dnas.pipeline.steps import do
from s2dnas.pipeline.workers import RunEvaluator, worker_threads
from s2dnas.search.executors import EvaluatorFactory
from s2dnas.search.process_workers import process_crew
from scored_elsewhere import KilledOnce
from small_run import do_until, open_small, variant_of


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was searched in this process."""
    return do_until(open_small(tmp_path_factory.mktemp("small")), "search")


def journal(run: Run) -> list[dict[str, Any]]:
    """What the journal says, but for the seconds."""
    lines = [json.loads(line) for line in (run.folder.path / "journal.jsonl").read_text().splitlines()]
    return [{name: line[name] for name in ("plan", "score")} for line in lines]


def begun(searched: Run, folder: Path, *pairs: str) -> Run:
    """A run with the same static network, which has yet to be searched."""
    run = variant_of(searched, folder, *pairs)
    (run.folder.path / "plan.json").unlink()
    (run.folder.path / "journal.jsonl").unlink()
    return run


@pytest.mark.slow
def test_one_process_finds_the_same_bit_for_bit(searched: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "process_crew", lambda factory, _: process_crew(factory, 1))
    run = begun(searched, tmp_path, "search.workers=2", f"search.threads={torch.get_num_threads()}")
    do(run, "search")
    assert journal(run) == journal(searched)
    assert run.networks.plan() == searched.networks.plan()


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["reconstructed", "shared"])
def test_two_processes_of_which_one_is_killed_find_the_same_bit_for_bit(
    weights: str, searched: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_a_death(factory: EvaluatorFactory, size: int) -> object:
        return process_crew(KilledOnce(factory, tmp_path / "killed"), size)

    monkeypatch.setattr(workers, "process_crew", with_a_death)
    alone = begun(searched, tmp_path / "alone", f"search.weights={weights}")
    threads = f"search.threads={torch.get_num_threads()}"
    both = begun(searched, tmp_path / "both", f"search.weights={weights}", "search.workers=2", threads)
    do(alone, "search")
    do(both, "search")
    assert (tmp_path / "killed").exists()
    assert journal(both) == journal(alone)
    assert (weights == "reconstructed") == (journal(alone) == journal(searched))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray uses what others deprecate
def test_two_actors_of_which_one_is_killed_find_the_same_bit_for_bit(
    searched: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 's2dnas[ray]'")
    crew = workers.ray_crew

    def with_a_death(factory: EvaluatorFactory, *args: Any, **more: Any) -> object:
        return crew(KilledOnce(factory, tmp_path / "killed"), *args, **more)

    monkeypatch.setattr(workers, "ray_crew", with_a_death)
    # Actors import what tests share.
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    ray.init(num_cpus=2, object_store_memory=200_000_000, include_dashboard=False, log_to_driver=False)
    try:
        settings = ("search.executor=ray", "search.workers=2", "search.threads=1")
        run = begun(searched, tmp_path, *settings)
        do(run, "search")
    finally:
        ray.shutdown()
    assert (tmp_path / "killed").exists()
    assert journal(run) == journal(searched)


@pytest.mark.parametrize(("threads", "workers", "each"), [(8, 3, 2), (2, 4, 1), (8, 1, 8)])
def test_workers_share_the_threads_of_the_process(
    threads: int, workers: int, each: int, searched: Run, tmp_path: Path
) -> None:
    own = torch.get_num_threads()
    try:
        run = begun(searched, tmp_path, f"device.threads={threads}", f"search.workers={workers}")
        assert worker_threads(run) == each
        assert worker_threads(begun(searched, tmp_path / "set", "search.threads=5")) == 5
    finally:
        torch.set_num_threads(own)


def test_a_worker_has_its_threads_before_it_computes(searched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    own, seen = torch.get_num_threads(), list[tuple[Path, int]]()

    def make(run: Run) -> Any:
        seen.append((run.folder.path, torch.get_num_threads()))
        return untrained_evaluator(run)

    monkeypatch.chdir(searched.folder.path)
    try:
        RunEvaluator(make, searched.folder.path.name, str(searched.folder.path.parent), own + 1)()
    finally:
        torch.set_num_threads(own)
    assert seen == [(Path(searched.folder.path.name), own + 1)]


@pytest.mark.parametrize("weights", ["none", "predicted"])
@pytest.mark.parametrize("setting", ["workers=2", "executor=ray"])
def test_workers_are_refused_for_plans_that_are_scored_in_one_process(weights: str, setting: str) -> None:
    with pytest.raises(SettingsError, match=f"search.weights are '{weights}': .* take weights of reconstructed or"):
        load_settings(None, [f"search.weights={weights}", f"search.{setting}"])


def test_a_run_on_ray_is_refused_before_it_starts_where_ray_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 's2dnas\[ray\]'"):
        open_small(tmp_path, "search.executor=ray")
    assert not (tmp_path / "run").exists()
