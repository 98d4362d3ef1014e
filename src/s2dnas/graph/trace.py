"""Capture a network as a graph of functional ATen calls, with the user's qualified names, leaving it unchanged."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram, export
from torch.export.graph_signature import InputKind

from s2dnas.errors import ModelError
from s2dnas.graph.calls import blaming, failure, module_path, operator_name, result_of
from s2dnas.graph.fold import fold_weights
from s2dnas.graph.inline import inline_regions
from s2dnas.graph.inplace import make_functional
from s2dnas.graph.rewrite import reachable, simplify
from s2dnas.graph.samples import find_samples
from s2dnas.graph.traced import Traced
from s2dnas.graph.unwrap import unused_modules, unwrapped

_log = logging.getLogger(__name__)


def trace(model: nn.Module, example: Tensor) -> Traced:
    """Capture ``model`` for image batches like ``example`` (N, C, H, W), whatever N.

    Wrappers such as DataParallel are removed; of several logits (N, K) the first are taken, the others are those of
    auxiliary heads. Raises ModelError if it cannot be exported, writes into a tensor that shares memory with one that
    is read later, combines samples, or its output is no tensor (N, K).
    """
    model = unwrapped(model)
    _check_batch(example)
    program = _export(model, example[:1].expand(2, -1, -1, -1).contiguous())
    graph = _functional(program)
    image, tensors = _inputs(program, graph)
    values = {**program.state_dict, **program.constants}
    unused = _unused(model, {id(values[name]) for name in tensors.values()})
    constants = _constants(graph, image)
    fold_weights(graph, constants, tensors, values)
    one, two = (_run_on_shapes(graph, image, tensors, values, example[:1].expand(n, -1, -1, -1)) for n in (1, 2))
    _refuse_combined_samples(graph, constants, one, two)
    return Traced(
        graph=graph,
        image=image,
        tensors=tensors,
        values=values,
        parameters=frozenset(name for name, value in values.items() if isinstance(value, nn.Parameter)),
        shapes={name: _shape(value) for name, value in one.items() if _is_tensor(value)},
        scalars={name: value for name, value in one.items() if not _is_tensor(value)},
        num_classes=_num_classes(one[result_of(graph).name]),
        constants=constants,
        samples=find_samples(graph, image, constants, one, two),
        unused=unused,
    )


def _check_batch(example: Tensor) -> None:
    if example.ndim != 4:
        raise ModelError(
            f"the example must be an image batch (N, C, H, W), it has shape {tuple(example.shape)}; "
            "give one image as example[None]"
        )


def _functional(program: ExportedProgram) -> fx.Graph:
    """The calls that the logits need, without writes into operands, in the few operators that the analysis knows."""
    inline_regions(program.graph_module)
    make_functional(program.graph)
    _keep_logits_alone(program.graph)
    simplify(program.graph)
    return reachable(program.graph)


def _unused(model: nn.Module, used: set[int]) -> tuple[str, ...]:
    """Modules that the logits do not need, with a warning; ``used`` holds the ids of the tensors that they need."""
    unused = tuple(unused_modules(model, used))
    if unused:
        _log.warning("not needed for the logits, left out: %s", ", ".join(unused))
    return unused


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """A context in which the model is in eval mode; afterwards each module has its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _export(model: nn.Module, example: Tensor) -> ExportedProgram:
    with _evaluating(model), torch.no_grad():
        try:
            return export(model, (example,), dynamic_shapes=({0: Dim("N", min=1, max=2**16)},))
        except Exception as error:  # the exporter and the user's forward may raise anything
            raise ModelError(
                f"{type(model).__name__} cannot be captured for inputs {tuple(example.shape)}: {_reason(error)}"
            ) from error


def _reason(error: Exception) -> str:
    """What the exporter says, in short, and the way out."""
    if "specialized it to be a constant" in str(error):
        return "forward works for one number of samples only; take it from x.shape[0], not from len(x) or a constant"
    return (
        f"{failure(error)}; make forward free of control flow that depends on values, "
        "or check that the input fits the network"
    )


def _keep_logits_alone(graph: fx.Graph) -> None:
    """Keep the first of several results (N, K) of equal shape: the others are those of auxiliary heads."""
    (results,) = graph.output_node().args
    nodes = [node for node in results if isinstance(node, fx.Node)] if isinstance(results, (tuple, list)) else []
    shapes = [getattr(node.meta.get("val"), "shape", None) for node in nodes]
    alike = nodes and len({str(shape) for shape in shapes}) == 1 and len(shapes[0] or ()) == 2
    if len(nodes) != 1 and not alike:
        raise ModelError(
            f"the network must give one tensor of logits (N, K), it gives {len(nodes)} values; "
            "wrap it in a module that returns the logits alone"
        )
    graph.output_node().args = (nodes[0],)


def _inputs(program: ExportedProgram, graph: fx.Graph) -> tuple[str, dict[str, str]]:
    """The name of the image's placeholder, and the qualified name of each other placeholder's tensor."""
    specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
    placeholders = {node.name: specs[str(node.target)] for node in graph.find_nodes(op="placeholder")}
    images = [name for name, spec in placeholders.items() if spec.kind is InputKind.USER_INPUT]
    if not images:
        raise ModelError("the logits do not depend on the image; check the network's forward")
    return images[0], {name: spec.target for name, spec in placeholders.items() if spec.target is not None}


def _num_classes(logits: Any) -> int:
    """K. Raises ModelError if the output for one image is not (1, K)."""
    shape = _shape(logits)
    if not isinstance(logits, Tensor) or len(shape) != 2 or shape[0] != 1:
        raise ModelError(
            f"the network must give logits (N, K), for one image its output has shape {shape}; "
            "flatten the output in forward"
        )
    return int(shape[1])


def _run_on_shapes(
    graph: fx.Graph, image: str, tensors: Mapping[str, str], values: Mapping[str, Tensor], images: Tensor
) -> dict[str, Any]:
    """Every node's value on the meta device, by name: shapes without numbers."""
    environment: dict[fx.Node, Any] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            source = images if node.name == image else values[tensors[node.name]]
            environment[node] = torch.empty_like(source, device="meta")
        elif node.op == "call_function":
            environment[node] = _on_meta(node, environment)
    return {node.name: value for node, value in environment.items()}


def _on_meta(node: fx.Node, environment: Mapping[fx.Node, Any]) -> Any:
    arguments, keywords = fx.map_arg((node.args, node.kwargs), environment.__getitem__)
    own = [torch.device("meta") if isinstance(value, torch.device) else value for value in arguments]
    keywords = {name: torch.device("meta") if name == "device" else value for name, value in keywords.items()}
    with blaming(
        node,
        "works for the batch it was captured with, not for another",
        "take the number of samples from x.shape[0]",
    ):
        return cast(Any, node.target)(*own, **keywords)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, (Tensor, tuple, list))


def _shape(value: Any) -> tuple[Any, ...]:
    """The shape of a tensor, the shapes of several."""
    return tuple(value.shape) if isinstance(value, Tensor) else tuple(tuple(part.shape) for part in value)


def _constants(graph: fx.Graph, image: str) -> frozenset[str]:
    """The calls that do not depend on the image."""
    dependent = {image}
    for node in graph.nodes:
        if any(source.name in dependent for source in node.all_input_nodes):
            dependent.add(node.name)
    return frozenset(node.name for node in graph.nodes if node.op == "call_function" and node.name not in dependent)


def _refuse_combined_samples(
    graph: fx.Graph, constants: frozenset[str], one: Mapping[str, Any], two: Mapping[str, Any]
) -> None:
    """Raises ModelError where a result does not grow with the batch: samples that leave would change the others."""
    for node in graph.nodes:
        if node.op != "call_function" or node.name in constants or not isinstance(one[node.name], Tensor):
            continue
        if one[node.name].numel() and one[node.name].numel() == two[node.name].numel():
            raise ModelError(
                f"{module_path(node) or 'forward'}: {operator_name(node)} combines the samples of a batch; "
                "each sample's logits must depend on its own image alone"
            )
