"""What every baseline keeps that decides for each sample what to compute."""

import copy
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from s2dnas.baselines.adaptive import AdaptiveNet, evaluate
from s2dnas.baselines.lccl import LcclSettings, lccl
from s2dnas.models.resnet import ResNet
from s2dnas.network.counter import MacCounter

CLASSES, IMAGE = 3, (3, 12, 12)


def small_lccl() -> AdaptiveNet:
    return lccl(ResNet(1, CLASSES).double(), LcclSettings(), IMAGE)


MAKERS: dict[str, Callable[[], AdaptiveNet]] = {"lccl": small_lccl}
EVERY_NET = pytest.mark.parametrize("name", MAKERS)


def made(name: str) -> tuple[AdaptiveNet, Tensor, Tensor]:
    """A network in float64 with running statistics of a trained one, images and labels."""
    net, images = _made(name)
    return copy.deepcopy(net), images, torch.arange(len(images)) % CLASSES


@cache
def _made(name: str) -> tuple[AdaptiveNet, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = MAKERS[name]().train()
        images = torch.randn(6, *IMAGE, dtype=torch.float64)
        with torch.no_grad():
            for _ in range(20):
                net(images)
        return net.eval(), images


@EVERY_NET
def test_skipping_gives_what_multiplying_by_zero_gives(name: str) -> None:
    net, images, labels = made(name)
    with torch.no_grad():
        masked, skipped = (net.run(images, skip=skip) for skip in (False, True))
    torch.testing.assert_close(skipped.logits, masked.logits, rtol=0, atol=1e-9)
    torch.testing.assert_close(skipped.macs, masked.macs, rtol=1e-12, atol=0)
    assert (evaluate(net, [(images, labels)], skip=True).macs == evaluate(net, [(images, labels)]).macs).all()


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
    macs = evaluate(net, [(images[:2], labels[:2]), (images[2:], labels[2:])]).macs
    assert (macs >= least).all()
    assert (macs <= most).all()
    assert len(set(macs.tolist())) > 1
    assert least < net.static_macs < most


@EVERY_NET
def test_outcomes_are_the_answers_in_order(name: str) -> None:
    net, images, labels = made(name)
    net.train()
    outcomes = evaluate(net, [(images[:4], labels[:4]), (images[4:], labels[4:])])
    assert net.training
    assert (outcomes.labels == labels.numpy()).all()
    with torch.no_grad():
        assert (outcomes.predictions == net.eval()(images).argmax(-1).numpy()).all()
