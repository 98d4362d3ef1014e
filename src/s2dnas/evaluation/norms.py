"""Running statistics of a plan: those of the weights it was taken from belong to other plans."""

from collections.abc import Iterable

import torch
from torch import Tensor

from s2dnas.network.shared import MaskedNet


def estimate_norms(net: MaskedNet, batches: Iterable[Tensor]) -> None:
    """Replace the network's running statistics by their plain means over some batches of images (N, C, H, W)."""
    training = net.training
    net.train()
    with torch.no_grad():
        for count, images in enumerate(batches, start=1):
            net.momentum = 1 / count
            net(images)
    net.momentum = None
    net.train(training)
