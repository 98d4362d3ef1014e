"""Layers and stages in PyTorch as it is: call by call."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from s2dnas.profile.engines import THREADS, ProfiledEngine
from s2dnas.profile.kernel import Kernel
from s2dnas.staged.build import MultiStageNet

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class ProfiledPytorch(ProfiledEngine):
    """PyTorch without a compiler, on one thread. Every call reads and writes memory."""

    name = "pytorch"

    def versions(self) -> Mapping[str, str]:
        """The version of PyTorch."""
        return {"torch": str(torch.__version__)}

    def layer(self, kernel: Kernel, inputs: int, outputs: int, batch: int, copies: int) -> Callable[[], object]:
        """What runs layers that read the same input."""
        read = inputs if kernel.group is None else kernel.group[0]
        weights = [torch.rand(outputs, read, *kernel.window) for _ in range(copies)]
        bias, groups = torch.rand(outputs), 1 if kernel.group is None else outputs // kernel.group[1]
        if not kernel.window:
            features = torch.rand(batch, kernel.positions, inputs).squeeze(1)
            return _on_one_thread(lambda: [F.linear(features, weight, bias) for weight in weights])
        image, convolve = torch.rand(batch, inputs, *kernel.size), _CONVOLUTIONS[len(kernel.window)]
        shape = (kernel.stride, kernel.padding, kernel.dilation, groups)
        return _on_one_thread(lambda: [convolve(image, weight, bias, *shape) for weight in weights])

    def stages(self, network: MultiStageNet, batch: int) -> Sequence[Callable[[], object]]:
        """What runs each stage, (S,)."""
        image = torch.rand(batch, *network.info.image_shape)
        known: dict[Any, Tensor] = {}
        runs = []
        for stage, takes, gives in zip(network.stages, network.takes, network.gives, strict=True):
            run = _on_one_thread(_call(stage, image, *(known[key] for key in takes)))
            runs.append(run)
            known.update(zip(gives, run()[1], strict=True))
        return runs


def _call(stage: Callable[..., Any], *inputs: Tensor) -> Callable[[], Any]:
    return lambda: stage(*inputs)


def _on_one_thread(run: Callable[[], Any]) -> Callable[[], Any]:
    def alone() -> Any:
        threads = torch.get_num_threads()
        torch.set_num_threads(THREADS)
        try:
            with torch.inference_mode():
                return run()
        finally:
            torch.set_num_threads(threads)

    return alone
