"""All stages as one ONNX graph that stops by itself: a stage runs if there is an image that is not sure enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from s2dnas.extras import require_extra
from s2dnas.runtime.manifest import PointRecord
from s2dnas.values import IMAGE, LABEL, LIMITS, LOGITS, SCORE, STAGE, label_name, logits_name, score_name

if TYPE_CHECKING:
    import onnx

_ANSWER = (LABEL, STAGE, SCORE, LOGITS)


def single_file(stages: Sequence["onnx.ModelProto"], point: PointRecord) -> "onnx.ModelProto":
    """The graph of a whole network from those of its stages, which exchange values by the names of ``values``.

    It takes ``image`` (N, C, H, W) and gives ``label``, ``stage`` (from 0) and ``score``, each (N,), and ``logits``
    (N, K). Each image is answered by the first stage whose score, by the scoring of ``point``, is at least its
    threshold, or by the last. ``thresholds`` (S - 1,), float64, may be given; they are those of ``point`` otherwise.
    A later stage, with its weights, is inside an ``If``; it runs on the whole batch unless all images were sure before.
    Raises MissingExtraError without the libraries for exporting.
    """
    require_extra("export")
    import onnx

    taken = {value.name for stage in stages for value in stage.graph.input}
    levels = [_level(index, stage, point.scoring, taken) for index, stage in enumerate(stages)]
    model = onnx.helper.make_model(
        _graph(levels, point), opset_imports=_opsets(stages), ir_version=stages[0].ir_version, producer_name="s2dnas"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


@dataclass(frozen=True, eq=False)
class _Level:
    """A stage, of which no inner name is another stage's, and its answer's types by the names of ``_ANSWER``."""

    index: int
    graph: "onnx.GraphProto"
    answer: dict[str, "onnx.ValueInfoProto"]

    def own(self, name: str) -> str:
        """The name of a value that belongs to this level."""
        return _inner(self.index, name)


def _inner(index: int, name: str) -> str:
    """No value that stages exchange has a colon in its name."""
    return f"{index + 1}:{name}"


def _level(index: int, stage: "onnx.ModelProto", scoring: int, taken: set[str]) -> _Level:
    outputs = {value.name: value for value in stage.graph.output}
    label = outputs[label_name(index, scoring)]
    score, logits = outputs[score_name(index, scoring)], outputs[logits_name(index)]
    answer = {LABEL: label, STAGE: label, SCORE: score, LOGITS: logits}
    graph = _reduced(stage, [value for value in outputs.values() if value.name in taken or value in answer.values()])
    exchanged = {value.name for value in (*graph.input, *graph.output)}
    _rename(graph, lambda name: name if name in exchanged or not name else _inner(index, name))
    return _Level(index, graph, answer)


def _reduced(stage: "onnx.ModelProto", outputs: Sequence["onnx.ValueInfoProto"]) -> "onnx.GraphProto":
    """What some outputs of a stage need: other scorings go."""
    import onnx
    import onnxscript.optimizer

    model = onnx.ModelProto()
    model.CopyFrom(stage)
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    onnxscript.optimizer.remove_unused_nodes(model)
    return model.graph


def _rename(graph: "onnx.GraphProto", new: Callable[[str], str]) -> None:
    for node in graph.node:
        node.name = new(node.name)
        node.input[:], node.output[:] = map(new, node.input), map(new, node.output)
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _rename(inner, new)
    for named in (*graph.initializer, *graph.input, *graph.output):
        named.name = new(named.name)


def _graph(levels: Sequence[_Level], point: PointRecord) -> "onnx.GraphProto":
    from onnx import TensorProto, helper

    image = next(value for value in levels[0].graph.input if value.name == IMAGE)
    sizes = [len(point.thresholds)]
    thresholds = helper.make_tensor_value_info(LIMITS, TensorProto.DOUBLE, sizes)
    defaults = helper.make_tensor(LIMITS, TensorProto.DOUBLE, sizes, point.thresholds)
    answer = {name: name for name in _ANSWER}
    return helper.make_graph(
        _nodes(levels, answer),
        "s2dnas",
        [image, thresholds],
        [_typed(levels[0], name, name) for name in _ANSWER],
        [*levels[0].graph.initializer, defaults],
    )


def _nodes(levels: Sequence[_Level], answer: dict[str, str]) -> list["onnx.NodeProto"]:
    """The first of some levels, and the others if they are needed; the answer gets these names."""
    from onnx import TensorProto, helper

    level, *later = levels
    nodes = list(level.graph.node)
    op = partial(_add, nodes)
    found = {name: value.name for name, value in level.answer.items()}
    count = op("Shape", [found[LABEL]], level.own("count"))
    number = helper.make_tensor("number", TensorProto.INT64, [1], [level.index])
    found[STAGE] = op("ConstantOfShape", [count], level.own(STAGE), value=number)
    if not later:
        for name in _ANSWER:
            op("Identity", [found[name]], answer[name])
        return nodes
    leaves, some = _exit(nodes, level, found[SCORE])
    nodes.append(
        helper.make_node(
            "If",
            [some],
            [answer[name] for name in _ANSWER],
            then_branch=_going_on(level, later, found, leaves),
            else_branch=_stopping(level, found),
        )
    )
    return nodes


def _exit(nodes: list["onnx.NodeProto"], level: _Level, score: str) -> tuple[str, str]:
    """Which images are sure enough (a score that is NaN is not), and whether one is left that never was."""
    from onnx import TensorProto

    op, own = partial(_add, nodes), level.own
    place = op("Constant", [], own("place"), value_int=level.index)
    threshold = op("Gather", [LIMITS, place], own("threshold"))
    leaves = op("GreaterOrEqual", [score, threshold], own("leaves"))
    stays = op("Not", [leaves], own("unsure"))
    if level.index:
        stays = op("And", [_inner(level.index - 1, "stays"), stays], own("stays"))
    else:
        stays = op("Identity", [stays], own("stays"))
    numbers = op("Cast", [stays], own("numbers"), to=TensorProto.INT64)
    left = op("ReduceSum", [numbers], own("left"), keepdims=0)  # 0 where there is no image at all
    return leaves, op("Cast", [left], own("some"), to=TensorProto.BOOL)


def _going_on(level: _Level, later: Sequence[_Level], found: dict[str, str], leaves: str) -> "onnx.GraphProto":
    """The later levels on the whole batch; images that leave at this one keep its answer."""
    from onnx import helper

    last = {name: level.own(f"later_{name}") for name in _ANSWER}
    nodes = _nodes(later, last)
    op = partial(_add, nodes)
    axis = op("Constant", [], level.own("axis"), value_ints=[1])
    rows = op("Unsqueeze", [leaves, axis], level.own("leaving_rows"))
    outputs = []
    for name in _ANSWER:
        which = rows if name == LOGITS else leaves
        outputs.append(op("Where", [which, found[name], last[name]], level.own(f"chosen_{name}")))
    typed = [_typed(level, name, output) for name, output in zip(_ANSWER, outputs, strict=True)]
    return helper.make_graph(nodes, level.own("going_on"), [], typed, list(later[0].graph.initializer))


def _stopping(level: _Level, found: dict[str, str]) -> "onnx.GraphProto":
    from onnx import helper

    nodes: list[onnx.NodeProto] = []
    outputs = [_add(nodes, "Identity", [found[name]], level.own(f"kept_{name}")) for name in _ANSWER]
    typed = [_typed(level, name, output) for name, output in zip(_ANSWER, outputs, strict=True)]
    return helper.make_graph(nodes, level.own("stopping"), [], typed)


def _add(nodes: list["onnx.NodeProto"], kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
    from onnx import helper

    nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
    return output


def _typed(level: _Level, name: str, output: str) -> "onnx.ValueInfoProto":
    import onnx

    typed = onnx.ValueInfoProto()
    typed.CopyFrom(level.answer[name])
    typed.name = output
    return typed


def _opsets(stages: Sequence["onnx.ModelProto"]) -> list["onnx.OperatorSetIdProto"]:
    return list({opset.domain: opset for stage in stages for opset in stage.opset_import}.values())
