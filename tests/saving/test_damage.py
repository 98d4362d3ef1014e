"""A folder that is not what was saved is refused, with the name of the file; a save that is killed destroys nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nets import CLASSES
from oracle import subject
from s2dnas import artifacts
from s2dnas.errors import ArtifactError, ModelError, SettingsError
from s2dnas.exits import ExitRule
from s2dnas.saving import writing
from s2dnas.saving.document import NETWORK_FILE, digest_of
from s2dnas.saving.loading import load
from s2dnas.saving.writing import save
from s2dnas.space.division import search_space
from s2dnas.staged.build import MultiStageNet, build

Document = dict[str, Any]
Change = Callable[[Document], None]


@pytest.fixture(scope="module")
def network() -> MultiStageNet:
    def make() -> tuple[nn.Module, Tensor]:
        layers = [nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(8, CLASSES)).eval(), torch.ones(1, 3, 8, 8)

    graph = subject(make).graph
    return build(graph, search_space(graph, 2, 2).uniform())


@pytest.fixture(scope="module")
def original(network: MultiStageNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "network"
    save(network, {"default": ExitRule("margin", (0.5,))}, folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "network"))


def weights_of(folder: Path) -> Path:
    (found,) = folder.glob("*.safetensors")
    return found


def rewrite(folder: Path, change: Change, *, checksum: bool) -> None:
    """Change the document, and give it the checksum of the changed one if that is to be trusted."""
    path = folder / NETWORK_FILE
    document = json.loads(path.read_text())
    change(document)
    if checksum:
        content = {key: value for key, value in document.items() if key not in ("format", "version")}
        document["sha256"] = digest_of(content)
    path.write_text(json.dumps(document))


def refused(folder: Path, file: str, message: str, kind: type[Exception] = ArtifactError) -> None:
    with pytest.raises(kind, match=message) as raised:
        load(folder)
    assert file in str(raised.value)


def truncated(content: bytes) -> bytes:
    return content[:-8]


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("damage", [truncated, flipped])
def test_weights_that_are_others_are_refused(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    weights = weights_of(folder)
    weights.write_bytes(damage(weights.read_bytes()))
    refused(folder, weights.name, "another checksum")


def test_missing_files_are_named(folder: Path) -> None:
    weights = weights_of(folder)
    weights.unlink()
    refused(folder, weights.name, "cannot be read")
    (folder / NETWORK_FILE).unlink()
    refused(folder, NETWORK_FILE, "not a saved network")
    refused(folder / "nowhere", NETWORK_FILE, "not a saved network")


def test_a_document_that_is_cut_short_is_refused(folder: Path) -> None:
    path = folder / NETWORK_FILE
    path.write_text(path.read_text()[:-20])
    refused(folder, NETWORK_FILE, "not valid JSON")


def test_another_version_is_refused(folder: Path) -> None:
    rewrite(folder, lambda document: document.update(version=artifacts.VERSION + 1), checksum=True)
    refused(folder, NETWORK_FILE, "version")


def nodes(document: Document) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["program"]["stages"][0]["nodes"]
    return found


def call(document: Document, name: str) -> dict[str, Any]:
    return next(node for node in nodes(document) if node["target"] == name)


def another_operator(document: Document) -> None:
    call(document, "aten.relu.default")["target"] = "aten.sigmoid.default"


def other_macs(document: Document) -> None:
    document["info"]["macs"][0] -= 1


def other_thresholds(document: Document) -> None:
    document["rules"]["default"]["thresholds"] = [0.25]


@pytest.mark.parametrize("change", [another_operator, other_macs, other_thresholds])
def test_what_was_changed_by_hand_is_refused(folder: Path, change: Change) -> None:
    rewrite(folder, change, checksum=False)
    refused(folder, NETWORK_FILE, "another checksum")


def no_macs(document: Document) -> None:
    document["info"]["macs"].pop()


def falling_macs(document: Document) -> None:
    document["info"]["macs"].reverse()


def no_tensor(document: Document) -> None:
    document["program"]["stages"][0]["tensors"].popitem()


def another_shape(document: Document) -> None:
    next(iter(document["program"]["stages"][0]["tensors"].values()))["shape"] = [1]


def rules_of_three_stages(document: Document) -> None:
    document["rules"]["default"]["thresholds"] = [0.5, 0.5]


def no_rule(document: Document) -> None:
    document["rules"]["default"] = {}


def another_plan(document: Document) -> None:
    next(iter(document["info"]["plan"]["widths"].values()))[0] += 1


def one_stage(document: Document) -> None:
    document["program"]["stages"].pop()


def other_classes(document: Document) -> None:
    document["info"]["num_classes"] += 1


def more_channels(document: Document) -> None:
    document["info"]["image_shape"][0] += 1


def an_unknown_key(document: Document) -> None:
    document["hook"] = "print"


def a_number_for_a_string(document: Document) -> None:
    document["program"]["image_dtype"] = 32


def no_dtype(document: Document) -> None:
    document["program"]["image_dtype"] = "load"


def weights_elsewhere(document: Document) -> None:
    document["weights"]["file"] = "../weights-0123456789abcdef.safetensors"


def a_name_twice(document: Document) -> None:
    nodes(document).insert(1, nodes(document)[0])


def no_output(document: Document) -> None:
    nodes(document).pop()


def a_value_that_is_not_there(document: Document) -> None:
    call(document, "aten.relu.default")["args"] = [{"node": "nobody"}]


DAMAGES: list[tuple[Change, str, str]] = [
    (no_macs, "network.json", "macs must be 2 numbers"),
    (falling_macs, "network.json", "macs must be 2 numbers"),
    (no_tensor, ".safetensors", "'stages.0.6.bias' is in one of them only"),
    (another_shape, ".safetensors", "'0.weight' is .* among the weights"),
    (rules_of_three_stages, "network.json", r"its parts have \[2, 3\] stages, its plan 2"),
    (no_rule, "network.json", "not an exit rule"),
    (another_plan, "network.json", "fingerprint must be that of plan"),
    (one_stage, "network.json", r"its parts have \[1, 2\] stages, its plan 2"),
    (other_classes, "network.json", r"give logits \(2, 2, 3\), not \(2, 2, 4\)"),
    (more_channels, "network.json", r"do not run on images \(2, 4, 8, 8\)"),
    (an_unknown_key, "network.json", "hook: Extra inputs"),
    (a_number_for_a_string, "network.json", "program.image_dtype: Input should be a valid string"),
    (no_dtype, "network.json", "'load' is no dtype"),
    (weights_elsewhere, "network.json", "weights.file: String should match"),
    (a_name_twice, "network.json", "the name 'x' occurs twice"),
    (no_output, "network.json", "must end in its one output"),
    (a_value_that_is_not_there, "network.json", "node 'nobody' is no argument"),
]


@pytest.mark.parametrize(("change", "file", "message"), DAMAGES)
def test_parts_that_do_not_fit_are_refused_whatever_the_checksum(
    folder: Path, change: Change, file: str, message: str
) -> None:
    rewrite(folder, change, checksum=True)
    refused(folder, file, message)


CODE = "x): __import__('os').system('touch executed') #"


@pytest.mark.parametrize(
    "target",
    ["os.system", "builtins.eval", "torch.load", "operator.methodcaller", "s2dnas.load", "aten.relu", CODE],
)
def test_a_target_outside_the_list_is_refused(folder: Path, target: str) -> None:
    rewrite(folder, lambda document: call(document, "aten.relu.default").update(target=target), checksum=True)
    refused(folder, NETWORK_FILE, "nothing that a stage can call")


@pytest.mark.parametrize("target", ["os.system.default", "aten.from_file.default", "loaded_libraries.add.x"])
def test_an_operator_that_is_not_there_or_reads_files_is_refused(folder: Path, target: str) -> None:
    rewrite(folder, lambda document: call(document, "aten.relu.default").update(target=target), checksum=True)
    refused(folder, NETWORK_FILE, "is not there|reads or writes files", ModelError)


def a_name_with_code(document: Document) -> None:
    nodes(document)[0]["name"] = nodes(document)[0]["target"] = CODE


def a_keyword_with_code(document: Document) -> None:
    call(document, "aten.relu.default")["kwargs"] = {CODE: 1}


def a_path_with_code(document: Document) -> None:
    next(node for node in nodes(document) if node["op"] == "get_attr")["target"] = f'weight"{CODE}'


def a_method(document: Document) -> None:
    call(document, "aten.relu.default").update(op="call_method", target="share_memory_")


def an_object(document: Document) -> None:
    call(document, "aten.relu.default")["args"] = [{"object": "os.system"}]


@pytest.mark.parametrize("change", [a_name_with_code, a_keyword_with_code, a_path_with_code, a_method, an_object])
def test_nothing_in_a_file_is_executed(folder: Path, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    rewrite(folder, change, checksum=True)
    refused(folder, NETWORK_FILE, "save the network again")
    assert not (folder / "executed").exists()


def test_a_save_that_is_killed_leaves_the_old_network(
    folder: Path, network: MultiStageNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    images = torch.ones(1, *network.info.image_shape)
    expected, rules = load(folder)[0](images), load(folder)[1]
    other, _ = load(folder)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(2)
    with monkeypatch.context() as patched:
        patched.setattr(writing, "write_json", killed)
        with pytest.raises(Killed):
            save(other, {}, folder)
    again, found = load(folder)
    assert torch.equal(again(images), expected)
    assert found == rules
    save(other, {}, folder)
    assert torch.equal(load(folder)[0](images), other(images))
    assert sorted(path.name for path in folder.iterdir()) == [NETWORK_FILE, weights_of(folder).name]


def test_what_does_not_fit_is_not_saved(network: MultiStageNet, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'fast' has 3 stages, the network 2"):
        save(network, {"fast": ExitRule("margin", (0.5, 0.5))}, tmp_path / "network")
    with pytest.raises(SettingsError, match="class_names"):
        save(network, {}, tmp_path / "network", class_names=["one"])
    with pytest.raises(SettingsError, match="normalisation"):
        save(network, {}, tmp_path / "network", normalisation=((0.5,), (0.5,)))
    assert not (tmp_path / "network").exists()
