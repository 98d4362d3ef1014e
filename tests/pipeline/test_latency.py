"""A run whose cost is time: search, thresholds and report go by a latency table, which belongs to the run."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from latencies import Rule, by_macs, table_by
from s2dnas.comparison.settings import CompareSettings
from s2dnas.config import validated
from s2dnas.errors import ArtifactError, BudgetError, SettingsError
from s2dnas.exits import ExitTable, decide, mean_cost
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.models.registry import create_model
from s2dnas.pipeline.exits import rules
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import load_settings
from s2dnas.pipeline.start import Start
from s2dnas.pipeline.timing import read_times
from s2dnas.profile.kernel import Kernel
from s2dnas.profile.table import LatencyTable
from s2dnas.report.content import ReportContent
from s2dnas.report.rows import comparison
from s2dnas.space.division import search_space
from small_run import SETTINGS, do_until, open_small, write_net


def slow_at_the_end(kernel: Kernel, inputs: int, outputs: int) -> float:
    """Convolutions on small images take ten times as long per multiply-add: another order than that of macs."""
    return by_macs(kernel, inputs, outputs) * (10 if kernel.size == (4, 4) else 1)


def write_table(folder: Path, rule: Rule = slow_at_the_end) -> str:
    model = create_model(write_net(folder), 10, 1)
    graph = analyse_channels(trace(model, torch.zeros(1, 1, 8, 8)))
    path = folder / "table.json"
    table_by(rule, graph, search_space(graph, 3, 2)).save(path)
    return str(path)


def timed(folder: Path, *pairs: str) -> Run:
    return open_small(folder, "cost=latency", f"latency.table={write_table(folder)}", "latency.batch=1", *pairs)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return do_until(timed(tmp_path_factory.mktemp("timed"), "control=false", "exits.budgets=[0.9,0.7]"), "report")


def test_search_and_thresholds_go_by_time(finished: Run) -> None:
    cost = finished.pricing.cost
    table = ExitTable.load(finished.folder.finished("calibrate.npz"))
    assert (cost.unit, table.unit) == ("ms", "ms")
    assert table.costs == pytest.approx(cost.of(finished.networks.plan()))
    for target, rule in rules(finished.folder).items():
        if target.startswith("ms <= "):
            share = float(target.split()[2].rstrip("%")) / 100
            assert mean_cost(decide(table, rule)) <= share * cost.static * (1 + 1e-9)
    assert any(target.startswith("ms <= ") for target in rules(finished.folder))


def test_the_report_shows_times_beside_macs(finished: Run) -> None:
    content = ReportContent.load(finished.folder.path / "report.json")
    net, test = finished.networks.trained(), ExitTable.load(finished.folder.finished("test.npz"))
    assert [stage.macs for stage in content.stages] == [round(macs) for macs in net.macs]
    assert content.latency is not None
    assert [each.batch for each in content.latency.times] == [1, 64]
    rows = {row.name: row for row in comparison(content)}
    measured = read_times(finished.folder).times
    assert rows["static"].milliseconds == tuple(each.static for each in measured)
    assert rows["stage 1 for all"].milliseconds == tuple(each.stages[0] for each in measured)
    for index, (point, rule) in enumerate(zip(content.operating_points, rules(finished.folder).values(), strict=True)):
        row = [row for row in rows.values() if row.kind == "point"][index]
        outcomes = decide(test, rule)
        assert row.milliseconds[0] == pytest.approx(np.mean(np.array(measured[0].stages)[outcomes.stages]))
        assert point.mean_macs == pytest.approx(float(np.mean(np.array(net.macs)[outcomes.stages])))
    assert content.search is not None
    assert content.search.unit == "ms"
    assert "ms at 64" in (finished.folder.path / "report.html").read_text()


def test_narrow_parts_are_warned_of(finished: Run) -> None:
    content = ReportContent.load(finished.folder.path / "report.json")
    assert any("fewer than 32 channels" in warning for warning in content.warnings)


def test_a_run_goes_on_with_the_table_that_it_was_started_with(tmp_path: Path) -> None:
    run = timed(tmp_path)
    (tmp_path / "table.json").unlink()
    again = open_run(run.folder.path, run.start)
    assert again.latencies == run.latencies is not None
    assert open_run(run.folder.path, None).latencies == run.latencies


def test_a_table_that_has_changed_is_another_run(tmp_path: Path) -> None:
    run = timed(tmp_path)
    write_table(tmp_path, by_macs)
    with pytest.raises(ArtifactError, match="other latencies"):
        open_run(run.folder.path, run.start)


def test_another_cost_is_another_run(tmp_path: Path) -> None:
    run = timed(tmp_path)
    pairs = [*SETTINGS, f"latency.table={tmp_path / 'table.json'}"]
    with pytest.raises(ArtifactError, match="was started with"):
        open_run(run.folder.path, Start(run.start.model, "digits", None, load_settings(None, pairs)))


@pytest.mark.parametrize("pairs", [["latency.batch=1"], ["latency.table=table.json"], []])
def test_time_as_cost_needs_a_table_and_a_batch(pairs: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"latency\.table=FILE\.json latency\.batch=1"):
        load_settings(None, ["cost=latency", *pairs])


def test_methods_are_compared_by_macs_alone() -> None:
    timed_run = {"cost": "latency", "latency": {"table": "table.json", "batch": 1}}
    with pytest.raises(SettingsError, match="compared by multiply-adds"):
        validated({"model": "resnet20", "data": "digits", "run": timed_run}, CompareSettings)


def test_what_does_not_fit_is_refused_before_the_folder_is_made(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    with pytest.raises(SettingsError, match="batch 8"):
        open_small(tmp_path, "cost=latency", f"latency.table={path}", "latency.batch=8")
    with pytest.raises(SettingsError, match="profile"):
        open_small(tmp_path, f"latency.table={path}", "data.size=16")
    with pytest.raises(ArtifactError, match="does not exist"):
        open_small(tmp_path, f"latency.table={path}.missing")
    with pytest.raises(BudgetError, match="of the static ms"):
        timed(tmp_path, "search.budgets=[0.01]")
    assert not (tmp_path / "run").exists()


def test_pieces_are_aligned_where_time_is_the_cost() -> None:
    timed_run = ["cost=latency", "latency.table=t", "latency.batch=1"]
    assert load_settings(None, []).min_width == 4
    assert load_settings(None, timed_run).min_width == "aligned"
    assert load_settings(None, [*timed_run, "space.min_width=8"]).min_width == 8
    assert load_settings(None, ["space.min_width=aligned"]).min_width == "aligned"


def test_a_run_by_macs_shows_times_where_they_are_known(tmp_path: Path) -> None:
    run = do_until(open_small(tmp_path, f"latency.table={write_table(tmp_path)}"), "static")
    assert run.pricing.cost.unit == "macs"
    assert sorted(run.pricing.times) == [1, 64]
    assert LatencyTable.load(run.folder.latencies) == run.latencies
    assert json.loads((run.folder.path / "run.json").read_text())["settings"]["cost"] == "macs"
