"""A policy drops residual blocks, is paid for, and learns to drop those that do not matter."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from s2dnas.baselines.adaptive import adaptive_outcomes
from s2dnas.baselines.blockdrop import BlockDropNet, blockdrop
from s2dnas.baselines.blockdrop_training import (
    BlockdropSettings,
    CurriculumLoss,
    FinetuningLoss,
    blockdrop_reward,
)
from s2dnas.errors import ModelError, SettingsError
from s2dnas.models.registry import create_model
from s2dnas.models.resnet import ResNet
from s2dnas.training.compute import Compute
from s2dnas.training.loop import TrainingTask, fit
from s2dnas.training.moment import Moment
from s2dnas.training.recipe import Recipe

IMAGE, CLASSES = (3, 8, 8), 2


def net(seed: int = 0) -> BlockDropNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return blockdrop(ResNet(1, CLASSES), IMAGE)


def always(probability: float, subject: BlockDropNet) -> BlockDropNet:
    """The policy keeps every block with this probability, whatever it sees."""
    nn.init.zeros_(subject.policy.linear.weight)
    nn.init.constant_(subject.policy.linear.bias, math.log(probability / (1 - probability)))
    return subject


def test_the_policy_costs_a_third_of_resnet20() -> None:
    subject = blockdrop(create_model("resnet20", 10))
    assert subject.base.num_blocks == 9
    assert subject.static_macs == pytest.approx(40.55e6, rel=1e-3)
    assert subject.macs_bounds[1] - subject.static_macs == pytest.approx(12.24e6, rel=1e-3)
    assert subject.macs_bounds[0] == subject.macs_bounds[1] - subject.static_macs + 16 * 27 * 1024 + 640


def test_its_accounts_name_the_policy_and_the_blocks_kept() -> None:
    subject = net()
    images = torch.randn(4, *IMAGE)
    labels = torch.zeros(4, dtype=torch.int64)
    policy = (subject.macs_bounds[1] - subject.static_macs) / subject.static_macs
    for probability, kept in ((0.9, 1.0), (0.1, 0.0)):
        accounts = subject.accounts(adaptive_outcomes(always(probability, subject), [(images, labels)]))
        assert accounts == pytest.approx({"policy_of_static": policy, "kept_of_blocks": kept})


def test_mobilenets_blocks_without_a_shortcut_are_never_dropped() -> None:
    subject = blockdrop(create_model("mobilenet_v2", 10))
    assert subject.base.num_blocks == 10
    assert subject.macs_bounds[0] > 12.24e6 + 0.3 * subject.static_macs


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2"])
def test_with_every_block_kept_it_is_the_static_network(name: str) -> None:
    static = create_model(name, CLASSES).double().eval()
    subject = always(0.9, blockdrop(static, IMAGE))
    images = torch.randn(3, *IMAGE, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(subject(images), static(images), rtol=0, atol=1e-9)
        assert subject.run(images, skip=True).macs.tolist() == [subject.macs_bounds[1]] * 3


def test_a_dropped_block_is_its_shortcut() -> None:
    static = ResNet(1, CLASSES).eval()
    subject = blockdrop(static, IMAGE)
    for block in (static.layer1[0], static.layer2[0]):
        nn.init.zeros_(block.bn2.weight)
    images = torch.randn(3, *IMAGE)
    kept = torch.tensor([[False, False, True]]).expand(3, -1)
    with torch.no_grad():
        torch.testing.assert_close(subject.base(images, kept), static(images))


def test_networks_without_residual_blocks_are_refused() -> None:
    with pytest.raises(ModelError, match="BlockDrop drops residual blocks, and VGG has none"):
        blockdrop(create_model("vgg16_bn", 10))


def test_fewer_blocks_are_worth_more_if_the_answer_is_right() -> None:
    logits, labels = torch.tensor([[2.0, 0], [2, 0], [2, 0]]), torch.tensor([0, 0, 1])
    kept = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]).bool()
    assert blockdrop_reward(logits, labels, kept, penalty=5.0).tolist() == [0.75, 1.0, -5.0]


def test_the_reward_for_mixed_labels_is_the_expected_one() -> None:
    logits, kept = torch.tensor([[2.0, 1.0, 0.0]] * 3), torch.tensor([[True, False]] * 3)
    labels = torch.tensor([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])
    expected = [0.75, 0.25 * 0.75 - 0.75 * 5, -5.0]
    assert blockdrop_reward(logits, labels, kept, penalty=5.0).tolist() == expected


def beginning(seed: int) -> Moment:
    """The first batch of a training."""
    return Moment(0.0, torch.Generator().manual_seed(seed))


def test_blocks_come_under_control_from_the_last_one_on() -> None:
    loss = CurriculumLoss(BlockdropSettings(curriculum=0.5))
    assert [loss.controlled(4, seen / 40) for seen in (0, 4, 5, 10, 15, 20, 39)] == [1, 1, 2, 3, 4, 4, 4]


def test_in_the_curriculum_the_policy_alone_learns_and_early_blocks_are_left_alone() -> None:
    subject = net().train()
    subject.base.requires_grad_(False)
    images, labels = torch.randn(16, *IMAGE), torch.arange(16) % CLASSES
    CurriculumLoss(BlockdropSettings())(subject, images, labels, beginning(1)).backward()
    bias = subject.policy.linear.bias.grad
    assert not bias[:2].any()
    assert bias[2] != 0
    assert not subject.base.training
    assert all(parameter.grad is None for parameter in subject.base.parameters())


def test_in_finetuning_gradients_reach_every_parameter() -> None:
    subject = net().train()
    images, labels = torch.randn(16, *IMAGE), torch.arange(16) % CLASSES
    FinetuningLoss(BlockdropSettings())(subject, images, labels, beginning(1)).backward()
    assert [n for n, p in subject.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_equal_generators_give_equal_losses() -> None:
    subject, images, labels = net(), torch.randn(4, *IMAGE), torch.arange(4) % CLASSES
    first, second, other = (
        float(FinetuningLoss(BlockdropSettings())(subject, images, labels, beginning(s)).detach()) for s in (1, 1, 2)
    )
    assert first == second != other


def test_the_training_loop_trains_it_and_a_resumed_curriculum_knows_its_place(tmp_path: Path) -> None:
    def batches(generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        return (bright_or_dark(generator) for _ in range(2))

    settings, compute = BlockdropSettings(), Compute(torch.device("cpu"))
    subject, resumed = net(), net()
    heard: list[float] = []

    def curriculum(learner: nn.Module, images: Tensor, labels: Tensor, moment: Moment) -> Tensor:
        heard.append(moment.progress)
        return CurriculumLoss(settings)(learner, images, labels, moment)

    for learner, epochs in ((subject, 1), (resumed, 2)):
        learner.base.requires_grad_(False)
        task = TrainingTask(learner, curriculum, batches, 2)
        fit(task, Recipe(epochs=epochs), compute=compute, checkpoint=tmp_path / "policy", seed=0)
    assert heard == [0.0, 0.5, 0.5, 0.75]
    resumed.base.requires_grad_(True)
    task = TrainingTask(resumed, FinetuningLoss(settings), batches, 2)
    before = resumed.base.steps[1].block.conv1.weight.detach().clone()
    fit(task, Recipe(epochs=1), compute=compute, checkpoint=tmp_path / "both", seed=0)
    assert not torch.equal(before, resumed.base.steps[1].block.conv1.weight)


def brightness_net() -> BlockDropNet:
    """Its base answers rightly whether images are bright with its first block, and always 0 without it."""
    subject = always(0.6, net())
    base = subject.base
    for parameter in base.parameters():
        nn.init.zeros_(parameter)
    first = base.steps[1].block
    nn.init.dirac_(first.conv1.weight)
    nn.init.dirac_(first.conv2.weight)
    nn.init.constant_(base.steps[0][0].weight, 1.0)
    nn.init.ones_(base.steps[0][1].weight)
    nn.init.ones_(first.bn1.weight)
    nn.init.constant_(first.bn2.weight, 9.0)
    linear = base.steps[-1][-1]
    nn.init.constant_(linear.bias[0], 1.0)
    nn.init.constant_(linear.weight[1], 0.002)
    return subject


def bright_or_dark(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    labels = torch.arange(32) % CLASSES
    return torch.rand(32, *IMAGE, generator=generator) * 0.1 + labels.view(-1, 1, 1, 1), labels


def test_it_learns_to_keep_the_one_block_that_matters() -> None:
    subject, generator = brightness_net(), torch.Generator().manual_seed(0)
    subject.base.requires_grad_(False)
    images, labels = bright_or_dark(generator)
    every = torch.ones(32, 3).bool()
    only_first = torch.tensor([[True, False, False]]).expand(32, -1)
    for kept, accuracy in ((every, 1.0), (only_first, 1.0), (~every, 0.5)):
        assert float((subject.base(images, kept).argmax(1) == labels).float().mean()) == accuracy
    loss = CurriculumLoss(BlockdropSettings(penalty=2.0))
    optimizer = torch.optim.Adam(subject.policy.parameters(), 1e-2)
    for step in range(60):
        optimizer.zero_grad()
        loss(subject.train(), *bright_or_dark(generator), Moment(step / 60, generator)).backward()
        optimizer.step()
    outcomes = adaptive_outcomes(subject, [(images, labels)])
    assert (outcomes.predictions == outcomes.labels).mean() == 1.0
    assert outcomes.costs.mean() < subject.macs_bounds[0] + 0.6 * (subject.macs_bounds[1] - subject.macs_bounds[0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"exploration": 1.0}, "exploration must be in"),
        ({"penalty": -1.0, "curriculum": 0.0}, "penalty must be at least 0, not -1.0; curriculum must be in"),
        ({"finetuning_penalty": -1.0}, "finetuning_penalty must be at least 0"),
    ],
)
def test_settings_out_of_range_are_named(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        BlockdropSettings(**wrong)
