"""What is in a bundle, and that it is replaced as a whole."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from bundled import RULES, bundled
from s2dnas.errors import ArtifactError, ModelError, SettingsError
from s2dnas.exits import ExitRule
from s2dnas.export import bundling
from s2dnas.export.bundling import export
from s2dnas.export.onnx_graph import onnx_graph
from s2dnas.runtime import Bundle, Session
from s2dnas.runtime.manifest import MANIFEST_FILE

NAME = "residual"


def test_the_manifest_says_what_stages_exchange() -> None:
    net = bundled(NAME)
    manifest = net.bundle.manifest
    given: set[str] = set()
    for stage, graph in zip(manifest.stages, graphs(net.bundle), strict=True):
        assert {value.name for value in graph.graph.input} == set(stage.inputs)
        assert set(stage.takes) <= given
        assert set(stage.gives) <= {value.name for value in graph.graph.output}
        given |= {value.name for value in graph.graph.output}
    assert [stage.macs for stage in manifest.stages] == list(net.network.macs)
    assert manifest.static_macs == net.network.info.static_macs
    assert manifest.points["margin"].thresholds == RULES["margin"].thresholds


def graphs(bundle: Bundle) -> list[onnx.ModelProto]:
    return [onnx.load_from_string(bundle.graph(stage)) for stage in bundle.manifest.stages]


def test_the_static_network_is_in_the_bundle() -> None:
    import onnxruntime

    net = bundled(NAME)
    static = net.bundle.manifest.static
    assert static is not None
    session = onnxruntime.InferenceSession(net.bundle.graph(static))
    (logits,) = session.run(None, {"image": net.images.numpy()})
    assert logits.shape == (len(net.images), net.network.info.num_classes)


@pytest.mark.slow
def test_both_exporters_give_the_same_answers() -> None:
    slow, fast = bundled(NAME, traced=False), bundled(NAME)
    for point in RULES:
        here, there = (Session(net.bundle)(net.images.numpy(), point) for net in (slow, fast))
        assert here.stages.tolist() == there.stages.tolist()
        assert here.labels.tolist() == there.labels.tolist()
        np.testing.assert_allclose(here.scores, there.scores, atol=1e-5)


def test_an_export_that_is_killed_leaves_the_old_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, other = bundled(NAME), bundled("vgg_bn")
    export(net.network, RULES, tmp_path, traced=True)
    expected = Session(tmp_path)(net.images.numpy())

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(bundling, "write_json", killed)
        with pytest.raises(Killed):
            export(other.network, RULES, tmp_path, traced=True)
    assert Session(tmp_path)(net.images.numpy()).stages.tolist() == expected.stages.tolist()
    export(other.network, RULES, tmp_path, traced=True)
    bundle = Bundle.opened(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {file.file for file in bundle.manifest.files} | {MANIFEST_FILE}


def test_networks_and_rules_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    network = bundled(NAME).network
    with pytest.raises(SettingsError, match="no exit rule"):
        export(network, {}, tmp_path)
    with pytest.raises(SettingsError, match="'fast' has 2 stages, the network 3"):
        export(network, {"fast": ExitRule("margin", (0.5,))}, tmp_path)
    with pytest.raises(SettingsError, match=r"export network\.float\(\)"):
        export(bundled("group_norm").network.double(), RULES, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_module_that_cannot_be_exported_is_named(tmp_path: Path) -> None:  # noqa: ARG001
    class Unwritable(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvals(x @ x.mT).real

    with pytest.raises(ModelError, match="cannot export a stage to ONNX"):
        onnx_graph(Unwritable(), [torch.rand(2, 3, 3)], ["x"], ["y"], traced=True)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / MANIFEST_FILE).unlink(), "is no bundle"),
        (lambda folder: (folder / MANIFEST_FILE).write_text("{"), "not valid JSON"),
        (lambda folder: next(folder.glob("stage2*")).write_bytes(b""), "another checksum"),
        (lambda folder: next(folder.glob("stage2*")).unlink(), "cannot be read"),
        (lambda folder: replaced(folder, '"opset": 20', '"opset": "?"'), "opset"),
        (lambda folder: replaced(folder, '"takes": []', '"takes": ["other"]'), "no earlier stage gives"),
        (lambda folder: replaced(folder, '"scoring": 3', '"scoring": 9'), "'predicted' does not fit"),
    ],
)
def test_a_damaged_bundle_is_refused(damage: object, said: str, tmp_path: Path) -> None:
    for path in bundled(NAME).bundle.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damage(tmp_path)  # type: ignore[operator]
    with pytest.raises(ArtifactError, match=said):
        Session(tmp_path)


def replaced(folder: Path, old: str, new: str) -> None:
    text = (folder / MANIFEST_FILE).read_text()
    assert old in text
    (folder / MANIFEST_FILE).write_text(text.replace(old, new, 1))
