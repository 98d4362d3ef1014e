"""What every baseline keeps that decides for each sample what to compute."""

import copy
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from s2dnas.baselines.adaptive import AdaptiveNet, adaptive_outcomes
from s2dnas.baselines.blockdrop import BlockDropNet, blockdrop
from s2dnas.baselines.lccl import LcclSettings, lccl
from s2dnas.models.mobilenet import mobilenet_v2
from s2dnas.models.resnet import ResNet
from s2dnas.network.counter import MacCounter

CLASSES, IMAGE = 3, (3, 12, 12)


def small_lccl() -> AdaptiveNet:
    return settled(lccl(ResNet(1, CLASSES).double(), LcclSettings(), IMAGE))


def small_blockdrop() -> AdaptiveNet:
    return undecided(blockdrop(ResNet(1, CLASSES).double(), IMAGE))


def small_blockdrop_on_mobilenet() -> AdaptiveNet:
    return undecided(blockdrop(mobilenet_v2(CLASSES).double(), IMAGE))


def undecided(net: BlockDropNet) -> BlockDropNet:
    """Each block is kept for about half of the test's images."""
    settled(net)
    with torch.no_grad():
        net.policy.linear.bias -= net.policy(some_images()).median(0).values
    return net


def some_images() -> Tensor:
    return torch.randn(6, *IMAGE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def settled(net: AdaptiveNet) -> AdaptiveNet:
    """The network in eval mode, with running statistics of a trained one."""
    net.train()
    with torch.no_grad():
        for _ in range(20):
            net(some_images())
    return net.eval()


MAKERS: dict[str, Callable[[], AdaptiveNet]] = {
    "lccl": small_lccl,
    "blockdrop": small_blockdrop,
    "blockdrop on MobileNetV2": small_blockdrop_on_mobilenet,
}
EVERY_NET = pytest.mark.parametrize("name", MAKERS)


def made(name: str) -> tuple[AdaptiveNet, Tensor, Tensor]:
    """A network in float64, images and labels."""
    images = some_images()
    return copy.deepcopy(_made(name)), images, torch.arange(len(images)) % CLASSES


@cache
def _made(name: str) -> AdaptiveNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MAKERS[name]()


@EVERY_NET
def test_skipping_gives_what_multiplying_by_zero_gives(name: str) -> None:
    net, images, labels = made(name)
    with torch.no_grad():
        masked, skipped = (net.run(images, skip=skip) for skip in (False, True))
    torch.testing.assert_close(skipped.logits, masked.logits, rtol=0, atol=1e-9)
    torch.testing.assert_close(skipped.macs, masked.macs, rtol=1e-12, atol=0)
    assert (
        adaptive_outcomes(net, [(images, labels)], skip=True).costs == adaptive_outcomes(net, [(images, labels)]).costs
    ).all()


@EVERY_NET
def test_macs_are_what_skipping_computes_sample_by_sample(name: str) -> None:
    net, images, _ = made(name)
    for image in images[:3]:
        with MacCounter() as counter, torch.no_grad():
            answer = net.run(image[None], skip=True)
        assert float(answer.macs) == pytest.approx(counter.macs, rel=1e-12)


@EVERY_NET
def test_macs_lie_within_their_bounds_and_differ_between_samples(name: str) -> None:
    net, images, labels = made(name)
    least, most = net.macs_bounds
    macs = adaptive_outcomes(net, [(images[:2], labels[:2]), (images[2:], labels[2:])]).costs
    assert (macs >= least).all()
    assert (macs <= most).all()
    assert len(set(macs.tolist())) > 1
    assert max(least, net.static_macs) < most


@EVERY_NET
def test_outcomes_are_the_answers_in_order(name: str) -> None:
    net, images, labels = made(name)
    net.train()
    outcomes = adaptive_outcomes(net, [(images[:4], labels[:4]), (images[4:], labels[4:])])
    assert net.training
    assert (outcomes.labels == labels.numpy()).all()
    with torch.no_grad():
        assert (outcomes.predictions == net.eval()(images).argmax(-1).numpy()).all()
