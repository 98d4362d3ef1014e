"""Nothing that a saved network names is executed, unless it is an operator of the list."""

from pathlib import Path

import pytest

from damage import Change, Document, call, nodes, refused, rewrite
from s2dnas.errors import ModelError
from s2dnas.saving.document import NETWORK_FILE

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
