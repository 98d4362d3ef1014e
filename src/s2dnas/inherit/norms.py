"""Recalibrated batch norms: the running statistics of shared weights are those of other plans."""

from collections.abc import Iterable

import torch
from torch import Tensor

from s2dnas.masked.mode import Mode
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.space.plan import Plan


def recalibrate_batch_norms(net: MaskedNet, batches: Iterable[Tensor]) -> None:
    """Replace the network's running statistics by their plain means over some batches of images (N, C, H, W)."""
    training = net.training
    net.train()
    try:
        with torch.no_grad():
            for count, images in enumerate(batches, start=1):
                net(images, Mode(momentum=1 / count))
    finally:
        net.train(training)


def with_recalibrated_norms(shared: SharedNet, plan: Plan, batches: Iterable[Tensor]) -> MaskedNet:
    """The masked network of a plan of a shared network, with running statistics of its own."""
    net = shared.at(plan)
    recalibrate_batch_norms(net, batches)
    return net
