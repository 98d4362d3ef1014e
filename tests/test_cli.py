"""The main job from the command line, on the embedded digits: all steps, stopped and resumed, and bad input."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_model

from command import s2dnas
from s2dnas.cli import runs
from s2dnas.models.registry import create_model
from s2dnas.pipeline import opening
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import load_settings
from s2dnas.pipeline.start import Start
from s2dnas.profile.table import LatencyTable
from s2dnas.space.plan import Plan
from s2dnas.training.checkpoint import load_checkpoint, read_history
from small_run import SETTINGS, write_net

SHARED = ["search.weights=shared", "start=shared"]
PLAIN = [*SETTINGS, "search.evaluations=6", "search.batch=3"]
SMALL = [*PLAIN, *SHARED]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_net(tmp_path_factory.mktemp("net"))


@pytest.fixture(scope="module")
def finished(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert s2dnas(monkeypatch, "run", model, "digits", "--out", str(folder), *SMALL) == 0
    return folder


def test_a_run_ends_in_a_report(finished: Path) -> None:
    report = json.loads((finished / "report.json").read_text())
    assert (finished / "report.html").stat().st_size > 10_000
    assert len(report["stages"]) == 3
    assert report["search"]["evaluations"] == 6
    assert [s["macs"] for s in report["stages"]] == sorted(s["macs"] for s in report["stages"])
    assert all(point["calibrate_macs"] > 0 for point in report["operating_points"])


class Killed(BaseException):
    """What no step catches."""


def test_a_run_that_is_stopped_in_every_step_ends_as_the_uninterrupted_one(
    model: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_run, stops = opening.open_run, [("static", 1), ("shared", 4), ("search", 2), ("search", 3), ("train", 4)]

    def watched(folder: Path, start: Start | None, _: object) -> Run:
        heard: list[str] = []

        def stop(name: str, _: object) -> None:
            heard.append(name)
            if stops and (name, heard.count(name)) == stops[0]:
                stops.pop(0)
                raise Killed

        return open_run(folder, start, stop)

    monkeypatch.setattr(opening, "open_run", watched)
    command = ["run", model, "digits", "--out", str(tmp_path), *SMALL]
    while stops:
        with pytest.raises(Killed):
            s2dnas(monkeypatch, *command)
        command = ["resume", str(tmp_path)]
    assert s2dnas(monkeypatch, *command) == 0
    assert Plan.load(tmp_path / "plan.json") == Plan.load(finished / "plan.json")
    ours, theirs = (json.loads((folder / "report.json").read_text()) for folder in (tmp_path, finished))
    assert ours["stages"] == theirs["stages"]
    assert ours["operating_points"] == theirs["operating_points"]


def test_ctrl_c_says_how_to_go_on(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    shutil.copytree(finished, tmp_path / "run")
    monkeypatch.setattr(runs, "do", interrupt)
    assert s2dnas(monkeypatch, "resume", str(tmp_path / "run")) == 130
    assert "s2dnas resume" in capsys.readouterr().out


KILLED_AS_SOON_AS_IT_IS_THERE = """
import os, signal, sys
from s2dnas import artifacts, cli

name, replace = sys.argv.pop(1), os.replace

def last(source, target):
    replace(source, target)
    if str(target).endswith(name):
        os.kill(os.getpid(), signal.SIGKILL)

artifacts.os.replace = last
cli.main()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_a_killed_run_ends_as_the_uninterrupted_one(
    model: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ("train/checkpoint.safetensors", "run", model, "digits", "--out", str(tmp_path), *SMALL)
    done = subprocess.run([sys.executable, "-c", KILLED_AS_SOON_AS_IT_IS_THERE, *start], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(read_history(tmp_path / "train" / "checkpoint.safetensors")) == 1
    assert not (tmp_path / "calibrate.npz").exists()
    assert s2dnas(monkeypatch, "resume", str(tmp_path)) == 0
    assert Plan.load(tmp_path / "plan.json") == Plan.load(finished / "plan.json")
    ours, theirs = (json.loads((folder / "report.json").read_text()) for folder in (tmp_path, finished))
    assert ours["operating_points"] == theirs["operating_points"]


def test_given_weights_are_used_as_they_are(
    model: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = create_model(model, num_classes=10, in_channels=1)
    load_checkpoint(finished / "static" / "checkpoint.safetensors", net)
    save_model(net, str(tmp_path / "weights.safetensors"))
    settings = [setting for setting in SMALL if not setting.startswith("static.epochs")]
    arguments = ["run", model, "digits", "--weights", str(tmp_path / "weights.safetensors"), *settings]
    monkeypatch.chdir(tmp_path)
    assert s2dnas(monkeypatch, *arguments, "--out", "run") == 0
    ours, theirs = (json.loads((folder / "report.json").read_text()) for folder in (tmp_path / "run", finished))
    assert ours["static"]["epochs"] == 0
    assert ours["static"]["accuracy"] == theirs["static"]["accuracy"]
    assert ours["stages"] == theirs["stages"]


ON_SAMPLES = {"fade": 0.5, "train": {"average": 0.9}}
ON_SAMPLES |= {"loss": {"from_last": 0.3, "survivors": 1.0, "label_smoothing": 0.1, "features": 1.0}}
ON_STAGES = {
    "start": "scratch",
    "carry_gradient": 0.5,
    "accumulate_logits": True,
    "loss": {"alpha_start": [1.0, 0.5, 0.2]},
}


@pytest.mark.parametrize("techniques", [ON_SAMPLES, ON_STAGES], ids=["samples", "stages"])
def test_techniques_change_the_training_alone(
    techniques: dict[str, Any], finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("static", "shared", "plan.json", "journal.jsonl", "run.json"):
        copy = shutil.copytree if (finished / name).is_dir() else shutil.copy
        copy(finished / name, tmp_path / name)
    started = json.loads((tmp_path / "run.json").read_text())
    for key, value in {**techniques, "control": False}.items():
        started["settings"][key] = started["settings"][key] | value if isinstance(value, dict) else value
    (tmp_path / "run.json").write_text(json.dumps(started))
    assert s2dnas(monkeypatch, "resume", str(tmp_path)) == 0
    ours, theirs = (json.loads((folder / "report.json").read_text()) for folder in (tmp_path, finished))
    assert ours["plan"] == theirs["plan"]
    assert ours["static_control"] is None
    assert ours["training"]["history"] != theirs["training"]["history"]


def test_fitted_scores_and_promises_are_settings_of_a_run(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(finished, tmp_path / "run")
    for name in ("calibrate.npz", "rules.json", "test.npz", "static.json", "report.json"):
        (folder / name).unlink()
    started = json.loads((folder / "run.json").read_text())
    started["settings"]["exits"] |= {"predictor": "sufficiency", "guarantees": [99.0, 0.1], "agreements": [0.01]}
    (folder / "run.json").write_text(json.dumps(started))
    assert s2dnas(monkeypatch, "resume", str(folder)) == 0
    report = json.loads((folder / "report.json").read_text())
    promised = {point["target"] for point in report["operating_points"] if "certain" in point["target"]}
    assert promised == {"at most 99 points under static, 90% certain", "1% answered as by static, 90% certain"}
    (refused,) = (each for each in report["unreached"] if "certain" in each["target"])
    assert refused["target"].startswith("at most 0.1 points")
    assert "hold out more" in refused["reason"]
    kept = json.loads((folder / "rules.json").read_text())["rules"]
    assert all(rule["confidence"]["measure"] for rule in kept.values())


PARTLY_WHOLE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes, in_channels):
        super().__init__()
        self.first = nn.Conv2d(in_channels, 12, 3, padding=1)
        self.second = nn.Conv2d(12, 24, 3)
        self.classifier = nn.Linear(24, num_classes)

    def forward(self, x):
        x = torch.cumsum(self.first(x), 1)
        return self.classifier(self.second(x).relu().mean((2, 3)))
"""


def test_what_stays_whole_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.py").write_text(PARTLY_WHOLE)
    model = f"{tmp_path / 'net.py'}:Net"
    assert s2dnas(monkeypatch, "inspect", model, "--channels", "1", "--size", "8") == 0
    assert "net.py:13" in capsys.readouterr().out
    assert s2dnas(monkeypatch, "run", model, "digits", "--out", str(tmp_path / "run"), *SMALL) == 0
    (whole,) = json.loads((tmp_path / "run" / "report.json").read_text())["whole"]
    assert whole["operator"] == "aten.cumsum"
    assert whole["line"].endswith("net.py:13")


def test_weights_for_other_classes_need_a_new_classifier_to_be_trained(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(create_model(model, num_classes=100, in_channels=1), str(tmp_path / "weights.safetensors"))
    start = ["run", model, "digits", "--weights", str(tmp_path / "weights.safetensors"), "--until", "static"]
    settings = [setting for setting in SMALL if not setting.startswith("static.epochs")]
    assert s2dnas(monkeypatch, *start, *settings, "--out", str(tmp_path / "run")) == 1
    assert "static.epochs=10" in capsys.readouterr().err
    assert s2dnas(monkeypatch, *start, *settings, "static.epochs=1", "--out", str(tmp_path / "run")) == 0


def test_the_command_of_a_report_starts_the_same_run(model: str, finished: Path) -> None:
    _, _, name, data, _, folder, *pairs = shlex.split(json.loads((finished / "report.json").read_text())["command"])
    assert (name, data, Path(folder)) == (model, "digits", finished)
    assert load_settings(None, pairs) == load_settings(None, SMALL)


def test_a_run_with_reconstructed_weights_copies_of_units_limits_and_finalists(
    model: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = ["space.copies=0.5", "search.finalists=2", "search.evaluations=20", "search.stage_limits=[0.2, 0.6]"]
    assert s2dnas(monkeypatch, "run", model, "digits", "--out", str(tmp_path), *PLAIN, *wider) == 0
    report, without = (json.loads((folder / "report.json").read_text()) for folder in (tmp_path, finished))
    assert not (tmp_path / "shared").exists()
    assert report["static_control"]["epochs"] == 2
    assert "shared" not in report["seconds"]
    assert report["static"]["macs"] == without["static"]["macs"]
    widths = [[sum(coupling["widths"]) for coupling in each["plan"]["couplings"]] for each in (report, without)]
    assert widths[0] == [1.5 * width for width in widths[1]]
    first, second, _ = (stage["macs"] / report["static"]["macs"] for stage in report["stages"])
    assert first < 0.2
    assert second < 0.6
    trials = json.loads((tmp_path / "trials.json").read_text())["trials"]
    assert len(trials) == 2
    assert Plan.load(tmp_path / "plan.json") in [Plan.from_dict(trial["plan"]) for trial in trials]
    assert 0 < report["search"]["feasible"] < report["search"]["proposed"]
    assert 0 < report["search"]["trial_seconds"] < report["search"]["seconds"]


def test_copies_that_a_network_cannot_have_are_refused_before_work_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.py").write_text(PARTLY_WHOLE.replace("torch.cumsum(self.first(x), 1)", "self.first(x).softmax(1)"))
    start = ["run", f"{tmp_path / 'net.py'}:Net", "digits", "--out", str(tmp_path / "run"), *PLAIN]
    assert s2dnas(monkeypatch, *start, "space.copies=0.5") == 1
    assert "set space.copies to 0" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["start=shared"], "search.weights is 'reconstructed': no shared network is trained"),
        (["fade=0.5"], "has none: set fade=0"),
        (["search.stage_limits=[0.1,0.2,0.3,0.4]"], "for 3 stages; give one per stage"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(
    settings: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert s2dnas(monkeypatch, "run", "resnet20", "digits", "--out", str(tmp_path / "run"), *settings) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_limits_that_no_plan_keeps_are_told_with_the_nearest_plan(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["run", model, "digits", "--out", str(tmp_path / "run"), "--until", "search", *PLAIN]
    assert s2dnas(monkeypatch, *start, "search.evaluations=2", "search.stage_limits=[0.001]") == 1
    assert "no plan is found whose stages cost 0.1 %" in (said := capsys.readouterr().err)
    assert re.search(r"the nearest has \d+\.\d / ", said)
    assert not (tmp_path / "run").exists()


def test_the_control_counts_all_epochs_of_the_dynamic_network(finished: Path) -> None:
    assert json.loads((finished / "report.json").read_text())["static_control"]["epochs"] == 2 + 2


def test_a_report_tells_the_seconds_of_every_step(finished: Path) -> None:
    seconds = json.loads((finished / "report.json").read_text())["seconds"]
    assert set(seconds) == {"static", "shared", "search", "train", "control", "calibrate", "evaluate"}
    assert all(value > 0 for value in seconds.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "resnet21", "digits"], "did you mean"),
        (["run", "resnet20", "digits", "train.epoch=3"], "epochs"),
        (["run", "resnet20", "no/such/data/set"], "folder"),
        (["run", "resnet20", "digits", "space.num_stages=40"], "pieces"),
        (["run", "resnet20", "digits", "--weights", "missing.safetensors"], "missing.safetensors"),
        (["run", "resnet20", "digits", "exits.budgets=[0.5, 0.001]"], "a first stage needs"),
        (["run", "resnet20", "digits", "loss.alpha=[1, 2]"], "give 3 weights"),
        (["run", "resnet20", "digits", "train.momentum=2", "loss.temperature=0"], "temperature must be positive"),
    ],
)
def test_bad_input_ends_in_a_sentence(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert s2dnas(monkeypatch, *arguments, "--out", str(tmp_path / "run"), "static.epochs=1") == 1
    error = capsys.readouterr().err
    assert error.startswith("error:")
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_a_folder_started_otherwise_is_refused(model: str, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert s2dnas(monkeypatch, "run", model, "digits", "--out", str(finished), "seed=1") == 1


def test_inspect_says_what_can_be_divided(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert s2dnas(monkeypatch, "inspect", "resnet20", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["macs"] == 40_551_040
    assert found["divisible_share"] == 1.0
    assert found["space"]["cheapest"][-1] < found["space"]["most_expensive"][-1] < found["macs"]
    assert s2dnas(monkeypatch, "inspect", "resnet20", "--stages", "40") == 0
    assert "no search space: 40 stages need" in capsys.readouterr().out


def test_inspect_warns_of_pieces_that_processors_are_slow_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert s2dnas(monkeypatch, "inspect", "resnet20") == 0
    assert "fewer than 32 channels" in capsys.readouterr().out
    assert s2dnas(monkeypatch, "inspect", "resnet20", "--min-width", "aligned", "--stages", "2", "--json") == 0
    space = json.loads(capsys.readouterr().out)["space"]
    assert space["min_width"] == "aligned"
    assert s2dnas(monkeypatch, "inspect", "resnet18", "--min-width", "aligned", "--stages", "2", "--size", "64") == 0
    said = capsys.readouterr().out
    assert "aligned pieces" in said
    assert "fewer than" not in said


def test_profile_makes_a_table_and_says_how_good_it_is(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.json"
    quick = ["--plans", "3", "--passes", "1", "--seconds", "0", "--batch", "2", "--engine", "pytorch"]
    shape = ["--size", "8", "--channels", "1", "--stages", "2"]
    assert s2dnas(monkeypatch, "profile", model, "--out", str(out), *shape, *quick) == 0
    assert "batch 2: of 3 plans, each predicted from the others" in capsys.readouterr().out.replace("\n", " ")
    assert LatencyTable.load(out).batches == (2,)
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]
    assert s2dnas(monkeypatch, "profile", model, "--out", str(out), *shape, "--engine", "tpu") == 1
    assert "unknown engine 'tpu'" in capsys.readouterr().err


def test_verify_proves_a_model(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert s2dnas(monkeypatch, "verify", "resnet20", "--plans", "1", "--min-width", "4") == 0
    assert "resnet20: passed, 1 random plans" in capsys.readouterr().out
    assert s2dnas(monkeypatch, "verify", "resnet20", "--plans", "1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"]
    assert 0 < found["oracle_error"] < 1e-12
    assert found["macs_error"] == 0


@pytest.mark.parametrize(
    "command",
    ["run", "resume", "search", "train", "calibrate", "evaluate", "report", "inspect", "verify", "compare", "predict"],
)
def test_every_command_has_help_with_an_example(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert s2dnas(monkeypatch, command, "--help") == 0
    assert f"s2dnas {command}" in capsys.readouterr().out


def test_every_shipped_config_of_a_run_loads() -> None:
    configs = list((Path(__file__).parents[1] / "configs").glob("*.toml"))
    assert configs
    assert all(load_settings(config).seed >= 0 for config in configs)
