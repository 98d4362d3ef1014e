"""What is loaded computes and learns as what was saved, and so do its copies."""

import copy
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nets import CLASSES, NETS, conv_bn
from oracle import Subject, random_plan, subject, tiny
from s2dnas.exits import ExitRule
from s2dnas.saving.loading import load
from s2dnas.saving.writing import save
from s2dnas.staged.build import MultiStageNet, build

Copying = Callable[[MultiStageNet], MultiStageNet]


def built(net: Subject, num_stages: int) -> MultiStageNet:
    plan = random_plan(net.graph, num_stages, 1, seed=0)
    assert plan is not None
    return build(net.graph, plan)


def reloaded(network: MultiStageNet, folder: Path) -> MultiStageNet:
    save(network, {}, folder)
    return load(folder)[0]


def logits(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        found = network(images)
    assert isinstance(found, Tensor)
    return found


@pytest.mark.parametrize("name", NETS)
def test_every_structure_comes_back(name: str, tmp_path: Path) -> None:
    net = tiny(name)
    network = built(net, num_stages=2)
    again = reloaded(network, tmp_path)
    assert not again.training
    assert again.info == network.info
    assert again.state_dict().keys() == network.state_dict().keys()
    assert {name for name, _ in again.named_parameters()} == {name for name, _ in network.named_parameters()}
    assert torch.equal(logits(again, net.images), logits(network, net.images))


@cache
def dropping() -> Subject:
    """A network with batch norm and with dropout that drops."""

    def make() -> tuple[nn.Module, Tensor]:
        torch.manual_seed(0)
        layers = [*conv_bn(3, 6), nn.ReLU(), *conv_bn(6, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*layers, nn.Dropout(0.5), nn.Linear(8, CLASSES)).eval(), torch.randn(4, 3, 8, 8)

    return subject(make)


def images() -> Tensor:
    return dropping().images


def passed_in_training(network: MultiStageNet, seed: int) -> Tensor:
    """Logits of one pass in training mode, with its gradients left on the parameters."""
    torch.manual_seed(seed)
    found = network.train()(images())
    assert isinstance(found, Tensor)
    found.square().sum().backward()
    return found.detach()


def statistics(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.named_buffers() if "running" in name}


@pytest.fixture
def network() -> MultiStageNet:
    return built(dropping(), num_stages=3)


@pytest.fixture
def again(network: MultiStageNet, tmp_path: Path) -> MultiStageNet:
    return reloaded(network, tmp_path)


def test_training_is_that_of_the_network_that_was_saved(network: MultiStageNet, again: MultiStageNet) -> None:
    before = statistics(again)
    assert torch.equal(passed_in_training(again, seed=1), passed_in_training(network, seed=1))
    assert before
    for name, value in statistics(again).items():
        assert not torch.equal(value, before[name]), name
        assert torch.equal(value, statistics(network)[name]), name
    parameters = dict(network.named_parameters())
    for name, parameter in again.named_parameters():
        gradient, expected = parameter.grad, parameters[name].grad
        assert gradient is not None, name
        assert expected is not None, name
        assert torch.equal(gradient, expected), name
    assert any(float(parameter.grad.abs().max()) > 0 for parameter in again.parameters() if parameter.grad is not None)


def test_dropout_follows_the_mode(again: MultiStageNet) -> None:
    assert not torch.equal(passed_in_training(again, seed=1), passed_in_training(again, seed=2))
    again.eval()
    assert torch.equal(logits(again, images()), logits(again, images()))


def test_parameters_that_are_frozen_come_back_frozen(network: MultiStageNet, tmp_path: Path) -> None:
    name, parameter = next(iter(network.named_parameters()))
    parameter.requires_grad_(False)
    again = reloaded(network, tmp_path)
    assert [key for key, value in again.named_parameters() if not value.requires_grad] == [name]


def test_another_dtype(again: MultiStageNet) -> None:
    expected = logits(again, images())
    found = logits(again.to(torch.float64), images().double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), expected)


def by_pickle(network: MultiStageNet) -> MultiStageNet:
    found = pickle.loads(pickle.dumps(network))
    assert isinstance(found, MultiStageNet)
    return found


@pytest.mark.parametrize("copying", [copy.deepcopy, by_pickle])
@pytest.mark.parametrize("training", [False, True])
def test_copies_are_the_same_and_independent(again: MultiStageNet, copying: Copying, training: bool) -> None:
    twin = copying(again.train(training))
    assert twin.training is training
    assert all(stage.training is training for stage in twin.stages)
    assert [name for name, _ in twin.named_parameters()] == [name for name, _ in again.named_parameters()]
    assert twin.info == again.info
    expected = logits(again.eval(), images())
    assert torch.equal(logits(twin.eval(), images()), expected)
    assert torch.equal(passed_in_training(twin, seed=1), passed_in_training(copying(again), seed=1))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert torch.equal(logits(again.eval(), images()), expected)


def test_rules_come_back_by_operating_point(network: MultiStageNet, tmp_path: Path) -> None:
    rules = {"fast": ExitRule("margin", (0.2, 0.4)), "sure": ExitRule("entropy", (0.8, 0.9))}
    save(network, rules, tmp_path, class_names=list("abc"), normalisation=((0.1, 0.2, 0.3), (1, 2, 3)))
    again, found = load(tmp_path)
    assert found == rules
    assert again.info.class_names == ("a", "b", "c")
    assert again.info.normalisation == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))


@pytest.mark.slow
def test_a_stage_is_compiled(again: MultiStageNet) -> None:
    expected, rule = logits(again, images()), ExitRule("margin", (2.0, 2.0))
    labels = again.predict(images(), rule).labels
    for index, stage in enumerate(again.stages):
        again.stages[index] = torch.compile(stage, fullgraph=True)
    torch.testing.assert_close(logits(again, images()), expected)
    assert torch.equal(again.predict(images(), rule).labels, labels)
