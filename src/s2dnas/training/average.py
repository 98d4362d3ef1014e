"""The moving average of a network's weights, which is often better than where the last step left them."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of all floating-point parameters and buffers.

    The decay rises with the number of steps, (1 + n) / (10 + n), until it reaches ``decay``, so that the start of a
    short training is forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay = module, decay
        self.other = {name: tensor.clone() for name, tensor in self._tensors().items()}

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take the module's weights in, after ``steps`` steps in all."""
        share = 1 - min(self.decay, (1 + steps) / (10 + steps))
        for name, tensor in self._tensors().items():
            self.other[name].lerp_(tensor, share)

    @torch.no_grad()
    def swap(self) -> None:
        """Put the average into the module and keep what was there, or the other way round."""
        for name, tensor in self._tensors().items():
            kept = tensor.clone()
            tensor.copy_(self.other[name])
            self.other[name] = kept

    @torch.no_grad()
    def restore(self, raw: Mapping[str, Tensor]) -> None:
        """Go on from a module that holds the average, with the weights that training had reached."""
        for name, tensor in self._tensors().items():
            self.other[name] = raw[name].to(tensor)
        self.swap()

    def _tensors(self) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in self.module.state_dict().items() if tensor.is_floating_point()}
