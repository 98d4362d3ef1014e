"""The benchmark of sessions times what it says, and does nothing twice."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from rows import add
from runtime_calls import thresholds_for

import runtime
from bundled import bundled
from s2dnas.runtime import OnnxruntimeEngine, Session


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_of_those_who_reach_a_stage_the_exit_share_leaves(share: float) -> None:
    net = bundled("residual")
    session, images = Session(net.bundle), net.images.numpy()
    stages = session(images, thresholds=thresholds_for(session, images, share)).stages
    reached = [np.mean(stages >= 0), np.mean(stages >= 1), np.mean(stages >= 2)]
    assert reached == pytest.approx([1, 1 - share, (1 - share) ** 2])


def test_every_way_to_run_has_a_row_of_every_share_and_the_last_one_ends_a_batch(tmp_path: Path) -> None:
    case, path = runtime.Case("residual", 8, 1), tmp_path / "runtime.json"
    rows = list(runtime.measured(bundled("residual").bundle, OnnxruntimeEngine(), 8, rounds=1))
    names = ["onnxruntime, blocked", "onnxruntime, blocked, joined", "onnxruntime"]
    assert [(row["engine"], row["exit_share"]) for row in rows] == [
        (name, share) for share in runtime.EXIT_SHARES for name in names
    ]
    assert all(row["efficiency"] == pytest.approx(row["speed_up"] / row["mac_cut"], abs=1e-3) for row in rows)
    assert all((row["overhead"] is None) == (row["exit_share"] > 0) for row in rows)
    assert sorted({row["mac_cut"] for row in rows}) == [row["mac_cut"] for row in rows[::3]]
    for row in rows:
        assert not runtime.done(path, case, 8, "onnxruntime")
        add(path, "runtime", asdict(case) | row, runtime.SAME)
    assert runtime.done(path, case, 8, "onnxruntime")
    assert not runtime.done(path, case, 64, "onnxruntime")
