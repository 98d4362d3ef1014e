"""Recalibrated batch norms hold the plain means over all batches, and leave the mode as it was."""

import pytest
import torch
from torch import Tensor

from oracle import random_plan, tiny
from s2dnas.inherit.norms import recalibrate_batch_norms, with_recalibrated_norms
from s2dnas.masked.shared import SharedNet
from s2dnas.network.weights import static_weights


def shared_and_batches(count: int) -> tuple[SharedNet, list[Tensor]]:
    net, generator = tiny("residual"), torch.Generator().manual_seed(0)
    shape = net.images.shape[1:]
    batches = [
        scale * torch.randn(16, *shape, generator=generator, dtype=torch.float64) for scale in range(1, count + 1)
    ]
    return SharedNet(net.graph, static_weights(net.graph, 2)).eval(), batches


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_batch_counts_alike(count: int) -> None:
    shared, batches = shared_and_batches(count)
    plan = random_plan(tiny("residual").graph, 2, 1, seed=0)
    assert plan is not None
    found = with_recalibrated_norms(shared, plan, batches).weights().body
    stem = [torch.nn.functional.conv2d(x, found["stem.0.weight"], padding=1) for x in batches]
    torch.testing.assert_close(found["stem.1.running_mean"], torch.stack([x.mean((0, 2, 3)) for x in stem]).mean(0))
    torch.testing.assert_close(found["stem.1.running_var"], torch.stack([x.var((0, 2, 3)) for x in stem]).mean(0))


def test_an_exception_leaves_the_network_in_its_mode() -> None:
    shared, batches = shared_and_batches(1)
    plan = random_plan(tiny("residual").graph, 2, 1, seed=0)
    assert plan is not None
    net = shared.at(plan).eval()
    with pytest.raises(RuntimeError):
        recalibrate_batch_norms(net, [*batches, torch.zeros(2, 7, 3, 3, dtype=torch.float64)])
    assert not net.training
