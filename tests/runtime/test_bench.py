"""A bench says where images left and what that saves, in macs and in time."""

import json
from pathlib import Path

import numpy as np
import pytest

from bundled import RULES, bundled
from command import s2dnas
from s2dnas.errors import SettingsError
from s2dnas.exits import ExitRule
from s2dnas.export.bundling import export
from s2dnas.runtime import Session
from s2dnas.runtime.bench import Bench, Timing, thresholds_for_share

NEVER = (2.0, 2.0)


def session() -> Session:
    return Session(bundled("residual").bundle)


def test_a_row_counts_all_full_batches() -> None:
    found, net = session(), bundled("residual")
    images = net.images.numpy()[:14]
    thresholds = thresholds_for_share(found, images, 0.5)
    row = Bench(found).row(images, 4, thresholds, rounds=2)
    answers = found(images[:12], thresholds=thresholds)
    assert row.exit_share == pytest.approx(np.bincount(answers.stages, minlength=3) / 12)
    assert row.mac_cut == pytest.approx(net.network.info.static_macs / answers.macs.mean())
    assert row.static.p50 <= row.static.p95 <= row.static.p99
    assert row.efficiency == pytest.approx(row.cpu_speed_up / row.mac_cut)


def test_images_are_scored_as_the_point_says() -> None:
    found, images = session(), bundled("residual").images.numpy()
    for point, rule in RULES.items():
        row = Bench(found).row(images, len(images), rule.thresholds, rounds=1, point=point)
        expected = np.bincount(found(images, point).stages, minlength=3) / len(images)
        assert row.exit_share == pytest.approx(expected)
        thresholds = thresholds_for_share(found, images, 0.5, point=point)
        assert np.mean(found(images, point, thresholds=thresholds).stages == 0) == 0.5


def test_what_takes_longer_is_the_slower_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = session()
    bench, images = Bench(found), bundled("residual").images.numpy()

    def measured(timing: Timing, call: object) -> None:
        seconds = 3.0 if len(calls) % 2 == 0 else 1.0  # one call of each in turn
        calls.append(call)
        timing.wall.append(seconds)
        timing.cpu.append(2 * seconds)

    calls: list[object] = []
    monkeypatch.setattr(Timing, "measure", measured)
    row = bench.row(images, len(images), NEVER, rounds=3)
    assert row.speed_up == row.cpu_speed_up == 3
    assert row.static.images_per_second == pytest.approx(len(images) / 3)
    assert row.dynamic.p50 == 1000


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_a_share_of_the_images_leaves_first(share: float) -> None:
    found, images = session(), bundled("residual").images.numpy()
    stages = found(images, thresholds=thresholds_for_share(found, images, share)).stages
    assert np.mean(stages == 0) == pytest.approx(share, abs=1 / len(images))
    assert set(stages.tolist()) <= {0, 2}


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    net = bundled("residual")
    with pytest.raises(SettingsError, match="no static network"):
        Bench(Session(export(net.network, ExitRule("margin", NEVER), tmp_path, traced=True)))
    with pytest.raises(SettingsError, match="no batch of 64"):
        Bench(session()).row(net.images.numpy(), 64, NEVER, rounds=1)


def test_the_command_prints_a_table_and_writes_a_plot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = str(bundled("residual").bundle.folder)
    options = ["--batch", "1", "--batch", "4", "--share", "0.5", "--rounds", "1", "--out", str(tmp_path)]
    assert s2dnas(monkeypatch, "bench", folder, *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("static" in line for line in lines) == 2
    assert max(map(len, lines[:-1])) <= 80
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    assert [row["batch"] for row in rows] == [1, 4]
    assert (tmp_path / "bench.svg").read_text().startswith("<svg")
