"""Features in blocks: the same answers, made once, checked, and never used when anything is wrong."""

import hashlib
import logging
import sys
from pathlib import Path

import numpy as np
import pytest

from bundled import NUM_STAGES, RULES, bundled
from nets import NETS
from s2dnas.artifacts import read_json
from s2dnas.runtime import Bundle, OnnxruntimeEngine, Session, blocked
from s2dnas.runtime.cutting import optimised_stages

BLOCKED = "onnxruntime, blocked"
NOT_TRACED = {"squeeze_excite_linear", "sizes", "samples_aside", "rms_norm"}
"""The fast exporter writes these for one size of batch, or not at all."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("S2DNAS_CACHE", str(tmp_path))
    return tmp_path


def same_answers(name: str) -> None:
    net = bundled(name)
    plain, other = Session(net.bundle, blocked=False), Session(net.bundle)
    assert (plain.engine, other.engine) == ("onnxruntime", BLOCKED)
    for point in RULES:
        for count in (0, 1, 5, 16):
            expected, found = plain(net.images[:count].numpy(), point), other(net.images[:count].numpy(), point)
            assert np.array_equal(found.labels, expected.labels)
            assert np.array_equal(found.stages, expected.stages)
            assert np.array_equal(found.scores, expected.scores)


@pytest.mark.parametrize("name", ["residual", "padded_image", "dense"])
def test_answers_are_those_of_the_plain_graphs_bit_for_bit(name: str) -> None:
    same_answers(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NETS.keys() - NOT_TRACED))
def test_it_holds_for_every_network(name: str) -> None:
    same_answers(name)


def test_nothing_is_brought_back_into_plain_layout_between_stages() -> None:
    bundle = bundled("vgg_bn").bundle
    session = Session(bundle)
    taken = {name for program in session.programs.stages[1:] for name in program.inputs}
    exchanged = {name for stage in bundle.manifest.stages for name in stage.gives}
    assert len(session.programs.stages) == NUM_STAGES
    assert taken - exchanged, "every feature is handed over by its name, and in the layout, of the plain graphs"


def test_what_was_made_is_used_again_and_needs_no_onnx_then(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundled("residual").bundle
    assert Session(bundle).engine == BLOCKED
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setattr(blocked, "optimised_stages", None)
    assert Session(bundle).engine == BLOCKED


def test_without_onnx_and_without_a_cache_features_are_plain(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with caplog.at_level(logging.INFO):
        assert Session(bundled("residual").bundle).engine == "onnxruntime"
    assert "pip install 's2dnas[runtime]'" in caplog.text


def test_what_is_damaged_is_made_again(cache: Path) -> None:
    bundle = bundled("residual").bundle
    Session(bundle)
    victim = min(cache.glob("*.onnx"))
    victim.write_bytes(victim.read_bytes()[:-100])
    same_answers("residual")
    (entry,) = cache.glob("*.json")
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in cache.glob("*.onnx")}
    assert found == dict(read_json(entry, "blocked")["files"])


def test_another_answer_is_refused_and_that_is_remembered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = bundled("residual").bundle
    wrong = bundled("residual", accumulate_logits=True).bundle
    monkeypatch.setattr(
        blocked, "optimised_stages", lambda _, answers, engine: optimised_stages(graphs_of(wrong), answers, engine)
    )
    assert Session(bundle).engine == "onnxruntime"
    assert "logits_2 is not the same in a batch of 1" in caplog.text
    caplog.clear()
    monkeypatch.setattr(blocked, "optimised_stages", None)
    assert Session(bundle).engine == "onnxruntime"
    assert "logits_2 is not the same in a batch of 1" in caplog.text


def graphs_of(bundle: Bundle) -> list[bytes]:
    return [bundle.graph(stage) for stage in bundle.manifest.stages]


def test_another_version_or_processor_makes_its_own(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundled("residual").bundle
    Session(bundle)
    monkeypatch.setattr(blocked, "processor_kind", lambda: "another")
    Session(bundle)
    monkeypatch.setattr(OnnxruntimeEngine, "version", "0.0")
    Session(bundle)
    assert len(list(cache.glob("blocked-*.json"))) == 3


def test_a_folder_that_cannot_be_written_to_costs_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("S2DNAS_CACHE", str(tmp_path / "file" / "below"))
    assert Session(bundled("residual").bundle).engine == BLOCKED
    assert "cannot be written" in caplog.text


def test_the_cache_is_where_the_system_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("S2DNAS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert blocked.cache_folder() == tmp_path / "s2dnas"
