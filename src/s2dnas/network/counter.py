"""Count the multiply-adds of convolutions and linear layers while they run. Shares nothing with the cost model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from s2dnas.network.staged_net import Carry, StagedNet


class MacCounter(TorchFunctionMode):
    """While it is entered, ``macs`` grows with every convolution and linear layer, for all samples of its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").partition(".")[0]
        if name.startswith("conv_transpose"):  # every element that comes in meets a row of the weight
            self.macs += _elements(args[0]) * _elements(args[1][0])
        elif name.startswith("conv") or name == "linear":  # every element that comes out has met one
            self.macs += _elements(result) * _elements(args[1][0])
        return result


def count_macs(net: StagedNet, images: Tensor) -> tuple[int, ...]:
    """(S,) cumulative multiply-adds for images (N, C, H, W) whose samples all run through every stage."""
    carry: Carry = ()
    counted = []
    with MacCounter() as counter, torch.no_grad():
        for index in range(net.num_stages):
            _, carry = net.stage(index, images, carry)
            counted.append(counter.macs)
    return tuple(counted)


def _elements(tensor: Any) -> int:
    return int(tensor.numel())
