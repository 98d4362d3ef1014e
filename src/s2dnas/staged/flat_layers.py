"""Calls on tensors become layers: real convolutions, linear layers and batch norms, at the paths of their tensors."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, cast

from torch import Tensor, fx, nn

from s2dnas.graph.calls import argument, argument_names, operator_name
from s2dnas.staged.holding import hold
from s2dnas.staged.stage import Stage

_CONVOLUTIONS = {"aten.conv1d": nn.Conv1d, "aten.conv2d": nn.Conv2d, "aten.conv3d": nn.Conv3d}
_NORMS: dict[type[nn.Module], Callable[..., nn.Module]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
    nn.Linear: nn.BatchNorm1d,
}
_TENSORS = ("weight", "bias", "running_mean", "running_var")


def with_layers(stage: Stage) -> nn.Module:
    """The tree of modules that a stage's graph runs on, which is changed to call layers where there are such.

    Calls whose tensors are computed, or shared with calls of another kind, stay as they are.
    """
    root, graph = nn.Module(), stage.graph
    calls: dict[str, list[fx.Node]] = defaultdict(list)
    for node in graph.nodes:
        if (owner := _owner(node)) is not None:
            calls[owner].append(node)
    for owner, nodes in calls.items():
        make = _maker(nodes[0], root)
        if make is not None and _alike(nodes) and _alone(stage, owner, nodes):
            layer = make(nodes[0], {name: _tensor(stage, nodes[0], name) for name in _TENSORS})
            _place(root, owner, layer)
            for node in nodes:
                _call(graph, node, owner)
    for node in graph.nodes:
        if node.op == "get_attr" and node.users:
            hold(root, str(node.target), _get(stage, str(node.target)))
    return root


def _owner(node: fx.Node) -> str | None:
    """The path of the layer whose call this is: that of all its tensors, by the names that layers give them."""
    if operator_name(node) not in {*_CONVOLUTIONS, "aten.linear", "aten.batch_norm"}:
        return None
    paths = {name: argument(node, name) for name in _TENSORS if name in argument_names(node)}
    given = {name: value for name, value in paths.items() if value is not None}
    if not all(isinstance(value, fx.Node) and value.op == "get_attr" for value in given.values()):
        return None
    owners = {str(value.target).rpartition(".")[::2] for value in given.values()}
    if {leaf for _, leaf in owners} != set(given) or len({owner for owner, _ in owners}) != 1:
        return None
    return next(owner for owner, _ in owners) or None


def _alike(nodes: list[fx.Node]) -> bool:
    return len({(node.target, repr(node.args[1:]), repr(node.kwargs)) for node in nodes}) == 1


def _alone(stage: Stage, owner: str, nodes: list[fx.Node]) -> bool:
    """Whether the module at a path holds nothing that other calls read."""
    module = stage.get_submodule(owner)
    users = {user for node in nodes for value in node.all_input_nodes if value.op == "get_attr" for user in value.users}
    return users <= set(nodes) and not list(module.children())


def _tensor(stage: Stage, node: fx.Node, name: str) -> Tensor | None:
    value = argument(node, name) if name in argument_names(node) else None
    return _get(stage, str(value.target)) if isinstance(value, fx.Node) else None


def _get(stage: Stage, path: str) -> Tensor:
    owner, _, leaf = path.rpartition(".")
    return cast(Tensor, getattr(stage.get_submodule(owner), leaf))


_Make = Callable[[fx.Node, Mapping[str, Tensor | None]], nn.Module]


def _maker(node: fx.Node, root: nn.Module) -> _Make | None:
    name = operator_name(node)
    if name in _CONVOLUTIONS:
        return None if isinstance(argument(node, "padding", 0), str) else _convolution
    if name == "aten.linear":
        return _linear
    source = cast(fx.Node, node.args[0])
    kind = _NORMS.get(type(root.get_submodule(str(source.target)))) if source.op == "call_module" else None
    return None if kind is None else _norm_of(kind)


def _convolution(node: fx.Node, tensors: Mapping[str, Tensor | None]) -> nn.Module:
    weight, groups = cast(Tensor, tensors["weight"]), argument(node, "groups", 1)
    make: Callable[..., nn.Module] = _CONVOLUTIONS[operator_name(node)]
    sizes = {name: argument(node, name, default) for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))}
    layer = make(
        weight.shape[1] * groups,
        weight.shape[0],
        tuple(weight.shape[2:]),
        **{name: tuple(size) if isinstance(size, list) else size for name, size in sizes.items()},
        groups=groups,
        bias=tensors["bias"] is not None,
        device="meta",
    )
    return _filled(layer, tensors)


def _linear(node: fx.Node, tensors: Mapping[str, Tensor | None]) -> nn.Module:  # noqa: ARG001
    outputs, inputs = cast(Tensor, tensors["weight"]).shape
    return _filled(nn.Linear(inputs, outputs, bias=tensors["bias"] is not None, device="meta"), tensors)


def _norm_of(kind: Callable[..., nn.Module]) -> _Make:
    def norm(node: fx.Node, tensors: Mapping[str, Tensor | None]) -> nn.Module:
        mean = cast(Tensor, tensors["running_mean"])
        affine = tensors["weight"] is not None
        return _filled(kind(len(mean), eps=argument(node, "eps"), affine=affine, device="meta"), tensors)

    return norm


def _filled(layer: nn.Module, tensors: Mapping[str, Tensor | None]) -> nn.Module:
    for name, tensor in tensors.items():
        if tensor is not None:
            setattr(layer, name, nn.Parameter(tensor.detach()) if name in layer._parameters else tensor)
    return layer.eval()


def _place(root: nn.Module, path: str, layer: nn.Module) -> None:
    *names, leaf = path.split(".")
    owner = root
    for name in names:
        if name not in owner._modules:
            owner.add_module(name, nn.Module())
        owner = owner.get_submodule(name)
    owner.add_module(leaf, layer)


def _call(graph: fx.Graph, node: fx.Node, path: str) -> None:
    with graph.inserting_before(node):
        call: Any = graph.call_module(path, (node.args[0],))
    node.replace_all_uses_with(call)
    graph.erase_node(node)
