"""Graphs, arguments and targets are the same after JSON; what is none of them is refused, and never looked up."""

import json
import math
import operator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import fx, nn

from s2dnas.errors import ArtifactError, ModelError
from s2dnas.graph.convolutions import transposed_conv
from s2dnas.graph.rewrite import reorder
from s2dnas.staged.arguments import argument_from_plain, plain_argument
from s2dnas.staged.codec import graph_from_plain, graph_to_plain
from s2dnas.staged.targets import target_name, target_named


def through_json(content: Any) -> Any:
    return json.loads(json.dumps(content, allow_nan=False))


NUMBERS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TORCH = [torch.float64, torch.int8, torch.device("cpu"), torch.device("cuda:1"), torch.channels_last, torch.strided]
ARGUMENTS = st.recursive(
    NUMBERS | st.sampled_from(TORCH),
    lambda parts: st.lists(parts, max_size=3) | st.lists(parts, max_size=3).map(tuple),
    max_leaves=8,
)


@given(ARGUMENTS)
def test_every_argument_is_the_same_afterwards(argument: Any) -> None:
    found = argument_from_plain(through_json(plain_argument(argument)), {})
    assert found == argument
    assert repr(found) == repr(argument)  # 1 and 1.0 and True are equal, and not the same


def test_nan_and_values_of_the_graph_are_the_same_afterwards() -> None:
    node = fx.Graph().placeholder("x")
    number, (found,) = argument_from_plain(through_json(plain_argument([math.nan, (node,)])), {"x": node})
    assert math.isnan(number)
    assert found is node


@pytest.mark.parametrize("value", [object(), {"a": 1}, 1j, torch.zeros(1), slice(1)])
def test_other_arguments_cannot_be_saved(value: object) -> None:
    with pytest.raises(ModelError, match=f"type {type(value).__name__} cannot be saved"):
        plain_argument(value)


@pytest.mark.parametrize(
    "content",
    [
        {"node": "y"},
        {"node": ["x"]},
        {"float": "1"},
        {"dtype": "nn"},
        {"dtype": "channels_last"},
        {"layout": 3},
        {"device": "toaster"},
        {"tuple": 1},
        {"tensor": "x"},
        {},
        {"float": "inf", "dtype": "int8"},
    ],
)
def test_what_is_no_argument_is_refused(content: Any) -> None:
    with pytest.raises(ArtifactError, match=r"is no (argument|device)"):
        argument_from_plain([content], {"x": fx.Graph().placeholder("x")})


@pytest.mark.parametrize(
    "target", [torch.ops.aten.relu.default, torch.ops.aten.slice.Tensor, operator.mul, reorder, transposed_conv]
)
def test_a_target_is_found_by_its_name(target: Any) -> None:
    assert target_named(target_name(target)) is target


@pytest.mark.parametrize("target", [torch.relu, print, torch.ops.aten.relu, torch.ops.higher_order.cond, nn.ReLU()])
def test_other_targets_cannot_be_saved(target: Any) -> None:
    with pytest.raises(ModelError, match="cannot be saved"):
        target_name(target)


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.eval", "operator.methodcaller", "torch.load", "s2dnas.save", "aten.relu", "x.y.z.w"],
)
def test_names_outside_the_list_are_not_looked_up(name: str) -> None:
    with pytest.raises(ArtifactError, match="nothing that a stage can call"):
        target_named(name)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("aten.relu.Tensor", "aten::relu"),
        ("mylib.halve.default", "mylib::halve"),
        ("load_library.__globals__.os", "load_library::__globals__"),
        ("__class__.__init__.__globals__", "__class__::__init__"),
        ("import_module.__func__.__code__", "import_module::__func__"),
    ],
)
def test_an_operator_that_is_not_there_is_named(name: str, missing: str) -> None:
    with pytest.raises(ModelError, match=f"import the library that registers '{missing}' first"):
        target_named(name)


@pytest.mark.parametrize("name", ["aten.from_file.default", "aten.save.default"])
def test_operators_on_files_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="reads or writes files"):
        target_named(name)


def plain_graph(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Four nodes, with entries of some of them changed."""
    nodes = {
        "x": {"op": "placeholder", "name": "x", "target": "x", "args": []},
        "w": {"op": "get_attr", "name": "w", "target": "layer-1.weight", "args": []},
        "y": {"op": "call_function", "name": "y", "target": "aten.mul.Tensor", "args": [{"node": "x"}, {"node": "w"}]},
        "output": {"op": "output", "name": "output", "target": "output", "args": [{"node": "y"}]},
    }
    return [entry | changes.get(name, {}) for name, entry in nodes.items()]


def test_a_graph_is_made_of_its_nodes() -> None:
    graph = graph_from_plain(plain_graph())
    assert graph_to_plain(graph) == plain_graph()


INJECTION = "x)\n    import os; os.abort()\n    (x"


@pytest.mark.parametrize(
    "changes",
    [
        {"x": {"name": INJECTION}},
        {"x": {"target": INJECTION}},
        {"x": {"target": "class"}},
        {"w": {"target": 'a"), os.abort(), ("b'}},
        {"w": {"target": "a\\"}},
        {"w": {"target": "a\nb"}},
        {"w": {"target": "\ud800"}},
        {"w": {"target": "a..b"}},
        {"y": {"kwargs": {INJECTION: 1}}},
        {"y": {"kwargs": {"lambda": 1}}},
        {"y": {"name": "x"}},
        {"y": {"args": [{"node": "output"}]}},
        {"y": {"op": "call_method", "target": "numpy"}},
        {"y": {"op": "call_module", "target": "layer"}},
        {"y": {"op": "output", "target": "output", "args": [{"node": "x"}]}},
        {"x": {"args": [1]}},
        {"output": {"args": []}},
        {"output": {"target": "return"}},
        {"output": {"op": "placeholder", "target": "z", "args": []}},
        {"y": {"target": 3}},
        {"y": {"args": None}},
        {"y": {"kwargs": 1}},
        {"y": {"name": None}},
        {"y": {"op": ["x"]}},
    ],
)
def test_a_graph_that_s2dnas_did_not_write_is_refused(changes: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(ArtifactError, match="save the network again"):
        graph_from_plain(plain_graph(**changes))


@pytest.mark.parametrize("key", ["op", "name", "target", "args"])
def test_a_node_that_lacks_something_is_refused(key: str) -> None:
    nodes = plain_graph()
    del nodes[2][key]
    with pytest.raises(ArtifactError, match=f"not the graph of a stage: KeyError.'{key}'"):
        graph_from_plain(nodes)


def test_a_node_that_cannot_be_saved_is_named() -> None:
    graph = fx.Graph()
    graph.output(graph.call_function(torch.relu, (graph.placeholder("x"),)))
    with pytest.raises(ModelError, match=r"node relu: a call of .* cannot be saved"):
        graph_to_plain(graph)
    other = fx.Graph()
    other.output(other.call_method("relu", (other.placeholder("x"),)))
    with pytest.raises(ModelError, match="node relu: a call_method cannot be saved"):
        graph_to_plain(other)
