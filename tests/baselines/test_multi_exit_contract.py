"""What every baseline with thresholds keeps: the contract that training and evaluation rely on."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from s2dnas.baselines.branchynet import BranchynetSettings, branchynet
from s2dnas.baselines.joint_loss import JointLoss
from s2dnas.baselines.msdnet import MsdnetSettings, msdnet
from s2dnas.baselines.naive import CascadeSettings, cascade
from s2dnas.calibration import Fit
from s2dnas.evaluation.collect import collect, stage_logits
from s2dnas.exits import ExitRule, decide
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.models.resnet import ResNet
from s2dnas.network.staged_net import Carry, StagedNet
from s2dnas.network.weights import static_weights
from s2dnas.space.division import search_space
from s2dnas.staged.build import build
from s2dnas.training.compute import Compute
from s2dnas.training.loop import TrainingTask, fit
from s2dnas.training.recipe import Recipe

CLASSES, IMAGE = 3, (3, 16, 16)
TOLERANCE = 1e-9


def small_msdnet() -> StagedNet:
    """Three layers, so that a scale is dropped after each."""
    settings = MsdnetSettings(blocks=2, base=1, step=2, steps="even", channels=3, growth=3, classifier_channels=4)
    return msdnet(settings, CLASSES, IMAGE)


def small_branchynet() -> StagedNet:
    """Two branches beside a ResNet-8."""
    traced = trace(ResNet(1, CLASSES), torch.zeros(1, *IMAGE))
    return branchynet(traced, BranchynetSettings(channels=4))


def small_cascade() -> StagedNet:
    """Copies of a ResNet-8 of a half and of full width."""
    traced = trace(ResNet(1, CLASSES), torch.zeros(1, *IMAGE))
    return cascade(analyse_channels(traced), CascadeSettings(widths=(0.5, 1.0)))


def small_uniform() -> StagedNet:
    """A ResNet-8 divided in three."""
    traced = trace(ResNet(1, CLASSES), torch.zeros(1, *IMAGE))
    graph = analyse_channels(traced)
    return build(graph, search_space(graph, 3, 4).uniform(), static_weights(graph, 3))


MAKERS: dict[str, Callable[[], StagedNet]] = {
    "msdnet": small_msdnet,
    "branchynet": small_branchynet,
    "naive-cascade": small_cascade,
    "naive-uniform": small_uniform,
}


def made(name: str) -> tuple[StagedNet, Tensor, Tensor]:
    """A network in float64 with running statistics of a trained one, images and labels."""
    net, images = _made(name)
    return copy.deepcopy(net), images, torch.arange(6) % CLASSES


@cache
def _made(name: str) -> tuple[StagedNet, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = MAKERS[name]().double().train()
        images = torch.randn(6, *IMAGE, dtype=torch.float64)
        with torch.no_grad():
            net(images)
        return net.eval(), images


EVERY_NET = pytest.mark.parametrize("name", MAKERS)


@EVERY_NET
def test_logits_have_a_row_per_stage_sample_and_class(name: str) -> None:
    net, images, _ = made(name)
    assert net(images).shape == (net.num_stages, len(images), CLASSES)
    assert net.num_stages >= 2


@EVERY_NET
def test_stage_by_stage_is_the_whole_whoever_is_left(name: str) -> None:
    net, images, _ = made(name)
    rows = torch.tensor([4, 1])
    with torch.no_grad():
        everything = net(images)
        left, carry = images, ()
        for index in range(net.num_stages):
            logits, carry = net.stage(index, left, carry)
            assert all(tensor.shape[0] == len(left) for tensor in carry)
            if index == 0:
                torch.testing.assert_close(logits, everything[0], rtol=0, atol=TOLERANCE)
                left, carry = images[rows], tuple(tensor[rows] for tensor in carry)
            else:
                torch.testing.assert_close(logits, everything[index][rows], rtol=0, atol=TOLERANCE)


@EVERY_NET
def test_macs_are_what_pytorch_counts(name: str) -> None:
    net, images, _ = made(name)
    carry: Carry = ()
    counted = []
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for index in range(net.num_stages):
            _, carry = net.stage(index, images[:1], carry)
            counted.append(counter.get_total_flops() // 2)
    assert list(net.macs) == counted


@EVERY_NET
def test_gradients_reach_every_parameter(name: str) -> None:
    net, images, labels = made(name)
    net.train()
    JointLoss()(net, images, labels).backward()
    assert [p for p, value in net.named_parameters() if value.grad is None or not value.grad.any()] == []


@EVERY_NET
def test_the_training_loop_lowers_the_loss(name: str, tmp_path: Path) -> None:
    net, images, labels = made(name)
    task = TrainingTask(net.float(), JointLoss(), lambda _: iter([(images.float(), labels)]), 1)
    recipe = Recipe(epochs=8, learning_rate=0.05, warmup_epochs=0)
    history = fit(task, recipe, compute=Compute(torch.device("cpu")), checkpoint=tmp_path / "checkpoint", seed=0)
    assert history[-1].loss < history[0].loss


@pytest.mark.parametrize(
    "fit",
    [Fit("entropy"), Fit("margin", temperature=True), Fit(surest=True), Fit(predictor="correctness", surest=True)],
)
@EVERY_NET
def test_deciding_on_the_table_is_what_really_stopping_does(name: str, fit: Fit) -> None:
    net, images, labels = made(name)
    scoring = fit(*stage_logits(net, [(images, labels)]))
    table = collect(net, [(images, labels)], scoring)
    thresholds = [max(0.0, float(sorted(scores)[len(images) // 2]) - 1e-9) for scores in table.scores[:-1]]
    rule = ExitRule(scoring, tuple(thresholds))
    outcomes = decide(table, rule)
    answers = net.predict(images, rule)
    assert (answers.labels.numpy() == outcomes.predictions).all()
    assert (answers.stages.numpy() == outcomes.stages).all()
    assert (answers.macs.numpy() == outcomes.costs).all()
    assert answers.scores.dtype == images.dtype
    assert len(set(answers.stages.tolist())) > 1
