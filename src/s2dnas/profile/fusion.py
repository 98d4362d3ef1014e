"""Which calls of a network cost nothing of their own in an engine: they are views, or part of the layer before them."""

from collections.abc import Callable

from torch import fx

from s2dnas.graph.calls import operand, operator_name
from s2dnas.graph.dropout import DROPOUT
from s2dnas.profile.kernel import CONVOLUTIONS

_VIEWS = (
    frozenset(
        f"aten.{name}"
        for name in (
            *("flatten", "unflatten", "reshape", "squeeze", "unsqueeze"),
            *("alias", "detach", "contiguous", "to", "_to_copy"),
        )
    )
    | DROPOUT
    | {"getitem"}
)
_ACTIVATIONS = frozenset(
    f"aten.{name}" for name in ("relu", "relu6", "hardtanh", "clamp", "leaky_relu", "sigmoid", "tanh", "hardsigmoid")
)


def is_view(node: fx.Node) -> bool:
    """Whether a call gives the same memory under another shape, or does nothing in inference."""
    return operator_name(node) in _VIEWS


def joins_convolution(node: fx.Node) -> bool:
    """Whether a call is a view, or a norm, an addition or an activation that follows a convolution."""
    return is_view(node) or (operator_name(node) not in CONVOLUTIONS and _in_convolution(node))


def _in_convolution(node: fx.Node) -> bool:
    operator = operator_name(node)
    if operator in CONVOLUTIONS:
        return True
    if operator in _ACTIVATIONS or operator == "aten.batch_norm":
        return operand(node).op == "call_function" and _in_convolution(operand(node))
    return operator == "aten.add" and any(
        operator_name(source) in (*CONVOLUTIONS, "aten.batch_norm") and _in_convolution(source)
        for source in node.all_input_nodes
    )


FUSED: dict[str, Callable[[fx.Node], bool]] = {"onnxruntime": joins_convolution, "pytorch": is_view}
"""By engine. ONNX Runtime folds norms into convolutions and fuses what follows; eager PyTorch fuses nothing."""
