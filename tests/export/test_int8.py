"""An int8 bundle computes what its uncut graph computes, hands on uint8, and answers about as float32 does."""

import logging
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

import s2dnas
from bundled import bundled
from nets import CLASSES, NETS
from s2dnas.errors import DataError, SettingsError
from s2dnas.export.bundling import export
from s2dnas.export.every_exit import every_exit
from s2dnas.export.int8 import quantise
from s2dnas.export.precisions import Precisions, compare_precisions
from s2dnas.export.quantised_graph import quantised_graph
from s2dnas.runtime import Bundle, Session
from s2dnas.runtime.programs import load_programs
from s2dnas.runtime.whole_graph import own_graph, whole_graph
from s2dnas.values import IMAGE, LABEL, STAGE, label_name, score_name

FEW = [
    ("residual", False),
    ("vgg_bn", False),
    ("squeeze_excite_conv", False),
    ("padded_image", False),
    ("residual", True),
]
"""Small networks, with logits of their own or added ones; later stages of ``padded_image`` read the image, too."""


def images(name: str = "residual") -> np.ndarray[Any, np.dtype[np.float32]]:
    return bundled(name).images.numpy()


@cache
def pair(name: str = "residual", accumulate_logits: bool = False) -> tuple[Bundle, Bundle]:
    """A network's bundle in float32 and in int8."""
    float32 = bundled(name, accumulate_logits=accumulate_logits).bundle
    return float32, quantise(float32, images(name), mkdtemp(prefix="s2dnas-int8-"))


@dataclass(frozen=True, eq=False)
class Trained:
    """A network that tells classes apart, in both precisions, and images (N, C, H, W) and labels that are new to it."""

    float32: Bundle
    int8: Bundle
    images: np.ndarray[Any, np.dtype[np.float32]]
    labels: np.ndarray[Any, np.dtype[np.int64]]


@cache
def trained() -> Trained:
    """Classes are noisy copies of as many patterns; calibrated on as many images as it is tested on."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(600) % CLASSES
    patterns = torch.randn(CLASSES, 3, 8, 8, generator=generator)
    noisy = patterns[labels] + 2 * torch.randn(600, 3, 8, 8, generator=generator)
    static, _ = NETS["residual"]()
    net = s2dnas.analyse(static.float(), noisy[:2])
    student = net.trainable(net.space(3, min_width=1).uniform(), noisy[:200])
    optimizer, loss = torch.optim.AdamW(student.parameters(), lr=1e-2), s2dnas.StageLoss()
    for _ in range(40):
        optimizer.zero_grad()
        loss(student, noisy[:200], labels[:200]).backward()
        optimizer.step()
    network = net.build(student.eval())
    held_out = [(noisy[200:400], labels[200:400])]
    rules = {f"{share:.0%}": s2dnas.calibrate(network, held_out, budget=share) for share in (0.3, 0.5)}
    float32 = export(network, rules, mkdtemp(prefix="s2dnas-trained-"), traced=True)
    int8 = quantise(float32, noisy[200:400].numpy(), mkdtemp(prefix="s2dnas-trained-int8-"))
    return Trained(float32, int8, noisy[400:].numpy(), labels[400:].numpy())


@cache
def compared(name: str = "residual", accumulate_logits: bool = False) -> Precisions:
    return compare_precisions(*pair(name, accumulate_logits), images(name))


@pytest.mark.parametrize(("name", "added"), FEW)
def test_cut_into_stages_it_computes_bit_for_bit_what_it_computes_as_a_whole(name: str, added: bool) -> None:
    float32, int8 = pair(name, added)
    whole = quantised_graph(whole_graph(float32).model, images(name))
    session = onnxruntime.InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    expected = dict(zip(names, session.run(None, {IMAGE: images(name)}), strict=True))
    for scoring, found in enumerate(every_exit(int8, images(name))):
        for stage in range(len(found.scores)):
            assert np.array_equal(found.scores[stage], expected[score_name(stage, scoring)])
            assert np.array_equal(found.labels[stage], expected[label_name(stage, scoring)])


@pytest.mark.parametrize(("name", "added"), FEW)
def test_as_many_calibration_images_leave_at_each_stage(name: str, added: bool) -> None:
    for point in compared(name, added).points.values():
        assert point.int8.exit_share == point.float32.exit_share
        assert point.int8.mean_macs == point.float32.mean_macs


def test_what_was_learned_is_not_lost() -> None:
    net = trained()
    for point in compare_precisions(net.float32, net.int8, net.images, net.labels).points.values():
        assert point.float32.accuracy is not None
        assert point.int8.accuracy is not None
        assert point.float32.accuracy > 0.7
        assert point.int8.accuracy > point.float32.accuracy - 0.04
        assert point.agreement > 0.9
        assert max(point.float32.exit_share) < 0.95
        assert np.abs(np.subtract(point.int8.exit_share, point.float32.exit_share)).max() < 0.08


def test_carried_features_are_uint8_and_stand_for_what_float32_carries() -> None:
    given = []
    for bundle in pair():
        programs = load_programs(bundle)
        found = programs.run_all(images())
        given.append({name: found[name] for name in bundle.manifest.stages[0].gives})
    records = pair()[1].manifest.values
    assert given[0].keys() == given[1].keys()
    for name, plain in given[0].items():
        record, stored = records[name], given[1][name]
        assert (record.dtype, record.shape) == ("uint8", stored.shape[1:])
        assert stored.dtype == np.uint8
        assert record.scale is not None
        assert record.zero_point is not None
        meant = (stored.astype(np.float32) - record.zero_point) * record.scale
        assert np.abs(meant - plain).mean() < 0.05 * np.ptp(plain)


def test_logits_are_handed_on_as_they_are() -> None:
    records = pair("residual", True)[1].manifest.values
    assert {records[name].dtype for name in records if name.startswith("logits")} == {"float32"}


def test_it_takes_about_a_quarter_of_the_memory() -> None:
    found = compared()
    assert found.int8.carried < 0.3 * found.float32.carried
    assert found.int8.graphs != found.float32.graphs


@pytest.mark.parametrize("name", ["residual", "vgg_bn", "padded_image"])
def test_onnxruntime_computes_every_convolution_in_int8(name: str, tmp_path: Path) -> None:
    for before, after in zip(*(bundle.manifest.files for bundle in pair(name)), strict=True):
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(pair(name)[1].graph(after), options, providers=["CPUExecutionProvider"])
        kinds = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
        written = onnx.load_from_string(pair(name)[0].graph(before)).graph.node
        assert kinds["QLinearConv"] == sum(node.op_type == "Conv" for node in written) > 0
        assert kinds["Conv"] == kinds["FusedConv"] == 0


def test_a_session_answers_one_image_as_it_answers_many() -> None:
    net = trained()
    session, few = Session(net.int8), net.images[:16]
    many = session(few)
    alone = [session(few[n : n + 1]) for n in range(len(few))]
    assert many.labels.tolist() == [int(one.labels[0]) for one in alone]
    assert many.stages.tolist() == [int(one.stages[0]) for one in alone]
    assert len(set(many.stages.tolist())) > 1


def test_the_single_file_answers_as_the_session_does() -> None:
    net = trained()
    assert net.int8.manifest.single is not None
    session = onnxruntime.InferenceSession(net.int8.graph(net.int8.manifest.single), providers=["CPUExecutionProvider"])
    labels, stages = session.run([LABEL, STAGE], {IMAGE: net.images})
    expected = Session(net.int8)(net.images)
    assert labels.tolist() == expected.labels.tolist()
    assert stages.tolist() == expected.stages.tolist()


def test_the_bundle_that_was_written_is_the_one_that_is_read() -> None:
    int8 = pair()[1]
    assert Bundle.opened(int8.folder) == int8
    assert int8.manifest.precision == "int8"
    assert {path.name for path in int8.folder.glob("*.onnx")} == {file.file for file in int8.manifest.files}


def test_labels_tell_accuracies() -> None:
    answers = Session(pair()[1])(images(), "margin").labels
    found = compare_precisions(*pair(), images(), answers).points["margin"]
    assert found.int8.accuracy == 1.0
    assert found.float32.accuracy == found.agreement
    assert compared().points["margin"].int8.accuracy is None


def test_the_logging_of_the_program_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    quantise(bundled("vgg_bn").bundle, images("vgg_bn")[:4], tmp_path)
    assert (root.level, list(root.handlers)) == before
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_layers_that_share_a_constant_by_an_identity_get_one_each() -> None:
    nodes = [
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Identity", ["b"], ["c"]),
        helper.make_node("Add", ["image", "c"], ["sum"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]) for name in ("image", "sum")]
    constant = helper.make_tensor("a", TensorProto.FLOAT, [1], [1.0])
    model = helper.make_model(helper.make_graph(nodes, "shared", ends[:1], ends[1:], [constant]))
    own = own_graph(model.SerializeToString(), "1:")
    assert [(node.name, list(node.input), list(node.output)) for node in own.graph.node] == [
        ("1:0:Add", ["image", "1:c"], ["sum"])
    ]
    assert {tensor.name for tensor in own.graph.initializer} == {"1:a", "1:b", "1:c"}


def broken(rows: int, value: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Images one of which holds a value that is not finite."""
    some = images()[:rows].copy()
    some[0, 0, 0, 0] = value
    return some


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((0, 3, 8, 8), np.float32), "no images"),
        (np.zeros((2, 3, 9, 8), np.float32), r"\(2, 3, 9, 8\)"),
        (np.zeros((2, 3, 8, 8)), "float64"),
        (broken(2, np.nan), "not finite"),
        (broken(2, np.inf), "not finite"),
    ],
)
def test_images_that_say_nothing_are_refused(given: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        quantise(pair()[0], given, tmp_path / "int8")
    assert not (tmp_path / "int8").exists()


def test_a_bundle_is_quantised_once_and_elsewhere(tmp_path: Path) -> None:
    float32, int8 = pair()
    with pytest.raises(SettingsError, match="in int8 already"):
        quantise(int8, images(), tmp_path)
    with pytest.raises(SettingsError, match="own folder"):
        quantise(float32, images(), float32.folder)


def test_labels_of_other_images_are_refused() -> None:
    with pytest.raises(DataError, match=r"16 images and labels \(3,\)"):
        compare_precisions(*pair(), images(), [0, 1, 2])
