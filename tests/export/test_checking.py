"""A bundle that answers as PyTorch does passes its check; one that does not fails, with what is wrong."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from bundled import RULES, Bundled, bundled
from s2dnas.errors import DataError, SettingsError
from s2dnas.exits import ExitRule
from s2dnas.export.bundle_check import AnswerCheck, BundleCheck, Difference
from s2dnas.export.bundling import write_graph
from s2dnas.export.checking import Findings, check_bundle
from s2dnas.export.expected_answers import ExpectedAnswers
from s2dnas.report.bundle_lines import bundle_lines
from s2dnas.runtime import Bundle

NAME = "residual"


def batches(net: Bundled) -> list[torch.Tensor]:
    return [net.images[:7], net.images[:0], net.images[7:8], net.images[8:]]


def test_a_bundle_passes() -> None:
    net = bundled(NAME)
    found = check_bundle(net.bundle, net.network, batches(net))
    assert found.passed
    assert found.images == 16
    assert 0 < max(found.stage_errors) < 1e-5
    assert found.single_error is not None
    assert 0 < found.single_error < 1e-5
    parts = [("stages", "margin"), ("single file", "margin"), *(("stages", name) for name in RULES if name != "margin")]
    assert [(check.part, check.point) for check in found.answers] == parts


def test_points_may_be_chosen() -> None:
    net = bundled(NAME)
    found = check_bundle(net.bundle, net.network, batches(net), ["surest"])
    assert [(check.part, check.point) for check in found.answers] == [("stages", "surest")]
    with pytest.raises(SettingsError, match="did you mean 'surest'"):
        check_bundle(net.bundle, net.network, batches(net), ["surst"])


@pytest.mark.parametrize("stage", [0, 2])
def test_another_weight_of_a_stage_is_found(stage: int, tmp_path: Path) -> None:
    net = bundled(NAME)
    changed = with_other_weights(net.bundle, stage, tmp_path)
    found = check_bundle(changed, net.network, batches(net), ["margin"])
    assert not found.passed
    assert [error > 1e-3 for error in found.stage_errors[: stage + 1]] == [index == stage for index in range(stage + 1)]
    assert found.single_error is not None
    assert found.single_error < 1e-5
    assert any(f"the logits of stage {stage + 1} deviate" in fault for fault in found.faults)


def test_another_weight_of_the_single_file_is_found(tmp_path: Path) -> None:
    net = bundled(NAME)
    found = check_bundle(with_other_weights(net.bundle, None, tmp_path), net.network, batches(net), ["margin"])
    assert not found.passed
    assert max(found.stage_errors) < 1e-5
    assert any("the logits of the single file deviate" in fault for fault in found.faults)


def with_other_weights(bundle: Bundle, stage: int | None, folder: Path) -> Bundle:
    """A copy of which one convolution, of a stage or of the single file's first, is another one."""
    shutil.copytree(bundle.folder, folder, dirs_exist_ok=True)
    file = bundle.manifest.single if stage is None else bundle.manifest.stages[stage]
    assert file is not None
    model = onnx.load_model_from_string(bundle.graph(file))
    weight = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    weight.CopyFrom(numpy_helper.from_array(1.5 * numpy_helper.to_array(weight), weight.name))
    written = {"file": (new := write_graph(folder, "other", model, file.macs)).file, "sha256": new.sha256}
    stages, single = list(bundle.manifest.stages), bundle.manifest.single
    if stage is None:
        single = file.model_copy(update=written)
    else:
        stages[stage] = stages[stage].model_copy(update=written)
    return Bundle(folder, bundle.manifest.model_copy(update={"stages": tuple(stages), "single": single}))


LOGITS = np.log(np.array([[[5, 3, 2], [4, 5, 1]], [[6, 2, 2], [2, 7, 1]]], dtype=np.float32) / 10)
"""Of two stages, two images and three classes: by margins of .2 and .1, then .4 and .5."""


def test_a_difference_says_how_far_it_is_from_a_tie() -> None:
    expected = ExpectedAnswers(LOGITS, ExitRule("margin", (0.15,)))
    assert expected.stages.tolist() == [0, 1]
    assert expected.labels.tolist() == [0, 1]
    assert not list(expected.differences(np.array([0, 1]), np.array([0, 1])))
    later, label = expected.differences(np.array([1, 1]), np.array([0, 0]), first=10)
    assert (later.image, later.stages, later.labels) == (10, (0, 1), (0, 0))
    assert later.distance == pytest.approx(0.2 - 0.15)
    assert (label.image, label.stages, label.labels) == (11, (1, 1), (1, 0))
    assert label.distance == pytest.approx(0.7 - 0.2)


def test_a_difference_within_rounding_passes_and_is_shown() -> None:
    near = AnswerCheck("stages", "fast", (Difference(3, (0, 1), (2, 2), 3e-6), Difference(9, (1, 1), (0, 2), 6e-6)))
    check = BundleCheck(200, (1e-7, 2e-7), None, (near,))
    assert check.passed
    assert (near.other_exits, near.other_answers, near.furthest) == (1, 1, 6e-6)
    lines = list(bundle_lines("net", check))
    assert "stages, fast: 1 other exits, 1 other answers, up to 6.0e-06 from a tie" in lines[2]
    assert lines[-1].startswith("net: passed, 200 images")
    far = replace(check, answers=(replace(near, differences=(*near.differences, Difference(4, (0, 1), (2, 2), 0.01))),))
    assert not far.passed
    assert any("wrong: stages, fast: 1 images" in line for line in bundle_lines("net", far))


def test_many_ties_prove_nothing() -> None:
    ties = tuple(Difference(image, (0, 1), (2, 2), 1e-8) for image in range(3))
    assert BundleCheck(300, (1e-7,), None, (AnswerCheck("stages", "fast", ties),)).passed
    (fault,) = BundleCheck(299, (1e-7,), None, (AnswerCheck("stages", "fast", ties),)).faults
    assert "3 images are too near to a tie" in fault


def test_images_that_make_no_difference_prove_nothing() -> None:
    net = bundled(NAME)
    found = check_bundle(net.bundle, net.network, [net.images[:1].repeat(4, 1, 1, 1)], ["margin"])
    assert not found.passed
    assert found.stage_errors == (np.inf,) * 3


def test_an_error_is_a_share_of_what_a_logit_varies_between_images() -> None:
    found = Findings(1)
    logits = np.array([[100.0, 1.0], [100.5, 5.0], [100.0, np.inf]], dtype=np.float32)
    found.seen(0, logits[:1])
    found.seen(0, logits[1:])
    found.logits("stages", 0, logits + np.float32(0.5), logits)
    assert found.concluded(1e-4, single=False).stage_errors == (0.5 / 4,)


@pytest.mark.parametrize("error", [2e-4, np.inf, np.nan])
def test_logits_that_are_not_close_fail(error: float) -> None:
    assert not BundleCheck(10, (1e-7, error), None, ()).passed
    assert not BundleCheck(10, (1e-7,), error, ()).passed


def test_what_cannot_be_compared_is_refused() -> None:
    net = bundled(NAME)
    with pytest.raises(DataError, match="at least two images"):
        check_bundle(net.bundle, net.network, [net.images[:0], net.images[:1]])
    shorter = net.bundle.manifest.model_copy(update={"stages": net.bundle.manifest.stages[:2]})
    with pytest.raises(SettingsError, match="the bundle has 2 stages, the network 3"):
        check_bundle(Bundle(net.bundle.folder, shorter), net.network, [net.images])
