"""A folder that is not what was saved is refused, with the name of the file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from damage import Change, Document, call, nodes, refused, rewrite
from s2dnas import artifacts
from s2dnas.saving.document import NETWORK_FILE


def weights_of(folder: Path) -> Path:
    (found,) = folder.glob("*.safetensors")
    return found


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
