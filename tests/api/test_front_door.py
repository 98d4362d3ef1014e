"""What a program does with s2dnas, on a small network: capture, search, train, calibrate, predict."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import s2dnas
from s2dnas.errors import ArtifactError, BudgetError, SettingsError
from s2dnas.evaluation.collect import collect
from s2dnas.exits import decide, mean_cost
from s2dnas.masked.shared import MaskedNet
from s2dnas.staged.build import MultiStageNet

CLASSES = 4


def small_net(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        body = [nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 16, 3, 2, 1), nn.ReLU()]
        return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, CLASSES)).eval()


def coloured(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images that are brighter in one of four ways, with noise that makes some of them hard."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    images = torch.randn(count, 3, 8, 8, generator=generator)
    for channel in range(3):
        images[labels == channel, channel] += 0.8
    return images, labels


@pytest.fixture(scope="module")
def model() -> nn.Module:
    net, (images, labels) = small_net().train(), coloured(256, 0)
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
    return net.eval()


@pytest.fixture(scope="module")
def net(model: nn.Module) -> s2dnas.Network:
    return s2dnas.analyse(model, coloured(1, 0)[0])


def student_of(net: s2dnas.Network) -> MaskedNet:
    return net.trainable(net.space(3, 2).uniform(), coloured(64, 0)[0])


@pytest.fixture(scope="module")
def dynamic(net: s2dnas.Network) -> MultiStageNet:
    return net.build(student_of(net))


def test_a_network_says_what_it_is(net: s2dnas.Network) -> None:
    text = str(net)
    assert "100.0% of the macs can be divided, in 2 couplings" in text
    assert "  0: 12 channels, made by 1 layers" in text


def test_copies_leave_the_static_macs_as_they_are(net: s2dnas.Network) -> None:
    wide = net.with_copies(0.5, coloured(2, 0)[0])
    assert wide.graph.macs > net.graph.macs == net.static_macs
    assert wide.static_macs == net.static_macs
    plan = wide.space(2, 2).uniform()
    assert wide.build(wide.trainable(plan, coloured(64, 0)[0])).info.static_macs == net.static_macs


def test_a_search_is_repeated_and_goes_on_from_its_journal(net: s2dnas.Network, tmp_path: Path) -> None:
    space, evaluator = net.space(3, 2), net.evaluator(coloured(64, 0)[0], [coloured(80, 1)], budget=0.5)
    scored: list[int] = []

    def note(index: int, _: object) -> None:
        scored.append(index)

    def find(count: int, journal: Path | None) -> s2dnas.SearchResult:
        return s2dnas.find_plan(space, evaluator, evaluations=count, batch=4, journal=journal, on_entry=note)

    first = find(8, tmp_path / "journal.jsonl")
    longer = find(12, tmp_path / "journal.jsonl")
    assert scored == list(range(12))
    assert longer.entries[:8] == first.entries
    alone = find(12, None)
    assert [entry.plan for entry in alone.entries] == [entry.plan for entry in longer.entries]
    assert alone.best == longer.best
    assert alone.score.reward == max(entry.score.reward for entry in alone.entries)


def test_a_plan_whose_first_stage_exceeds_the_budget_is_worth_less(net: s2dnas.Network) -> None:
    held_out, images = [coloured(80, 1)], coloured(64, 0)[0]
    plan = net.space(2, 2).uniform([0.75, 0.25])
    first = net.macs(plan)[0] / net.static_macs
    kept, exceeded = (
        net.evaluator(images, held_out, budget=budget, exponent=0)(plan) for budget in (1.01 * first, 0.5 * first)
    )
    assert exceeded.reward == pytest.approx(exceeded.accuracy * 0.5, rel=1e-6)
    assert kept.reward == pytest.approx(kept.accuracy)


def test_a_search_scores_plans_within_the_limits_alone(net: s2dnas.Network) -> None:
    space, scored = net.space(2, 2), list[s2dnas.Plan]()

    def evaluator(plan: s2dnas.Plan) -> s2dnas.Score:
        scored.append(plan)
        return s2dnas.Score(0.5, 1.0, 0.5)

    limits = net.limits(space, budget=0.5, shares=(0.4, 0.9))
    s2dnas.find_plan(space, evaluator, evaluations=10, limits=limits, strategy="random")
    assert scored
    assert all((net.macs(plan) / net.static_macs <= (0.4 + 1e-9, 0.9 + 1e-9)).all() for plan in scored)


def test_any_loop_trains_the_student_and_the_built_network_answers_as_it_does(net: s2dnas.Network) -> None:
    student, loss, (images, labels) = student_of(net), s2dnas.StageLoss(), coloured(128, 2)
    optimizer = torch.optim.SGD(student.train().parameters(), 0.02)
    losses = []
    for step in range(10):
        optimizer.zero_grad()
        value = loss(student, images, labels, s2dnas.Moment(step / 10))
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    assert losses[-1] < losses[0]
    built = net.build(student.eval())
    with torch.no_grad():
        torch.testing.assert_close(built(images), student(images), rtol=1e-4, atol=1e-5)
    with pytest.raises(SettingsError, match="made from another network"):
        s2dnas.analyse(small_net(1), images[:1]).build(student)


def test_a_rule_keeps_its_budget_or_its_drop(net: s2dnas.Network, model: nn.Module, dynamic: MultiStageNet) -> None:
    loader = [coloured(200, 3), coloured(200, 4)]
    table = collect(dynamic, loader)
    cheap = s2dnas.calibrate(dynamic, loader, budget=0.4)
    assert mean_cost(decide(table, cheap)) <= 0.4 * net.static_macs
    near = s2dnas.calibrate(dynamic, loader, max_drop=30.0, static=model)
    outcomes = decide(table, near)
    assert np.mean(outcomes.predictions == outcomes.labels) >= net.static_accuracy(loader) - 0.3 - 0.02
    sure = s2dnas.calibrate(dynamic, loader, max_drop=60.0, static=model, certainty=0.9)
    assert mean_cost(decide(table, sure)) <= dynamic.macs[-1]
    with pytest.raises(BudgetError, match="the cheapest possible is"):
        s2dnas.calibrate(dynamic, loader, budget=0.001)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({}, "give one target"),
        ({"budget": 0.5, "max_drop": 1.0}, "give one target"),
        ({"budget": 0.5, "certainty": 0.9}, "certainty belongs to max_drop"),
        ({"max_drop": 1.0}, "static=model"),
        ({"max_drop": 1.0, "static": small_net(), "certainty": 1.0}, r"must lie in \(0, 1\)"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(dynamic: MultiStageNet, target: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        s2dnas.calibrate(dynamic, [coloured(20, 3)], **target)  # type: ignore[arg-type]


def test_answers_tell_where_they_come_from_and_what_they_cost(dynamic: MultiStageNet) -> None:
    images, labels = coloured(60, 5)
    rule = s2dnas.calibrate(dynamic, [coloured(200, 3)], budget=0.5)
    answers = dynamic.train().predict(images, rule)
    assert dynamic.training
    assert answers.labels.dtype == answers.stages.dtype == torch.int64
    outcomes = decide(collect(dynamic, [(images, labels)]), rule)
    assert answers.labels.tolist() == outcomes.predictions.tolist()
    assert answers.stages.tolist() == outcomes.stages.tolist()
    assert answers.macs.tolist() == outcomes.costs.tolist()
    assert len(set(answers.stages.tolist())) > 1
    assert answers.scores.dtype == images.dtype
    assert len(dynamic.eval().predict(images[:0], rule).labels) == 0


class Counted:
    """A loader that can be told to end the process in its n-th pass."""

    def __init__(self, kill_in: int | None = None) -> None:
        self.passes, self.kill_in = 0, kill_in

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self.passes += 1
        images, labels = coloured(128, 6)
        order = torch.randperm(128)  # from the global generator, as a DataLoader draws
        for index, part in enumerate(order.split(32)):
            if self.passes == self.kill_in and index == 2:
                raise KeyboardInterrupt
            yield images[part], labels[part]


def converted(model: nn.Module, train: Counted, folder: Path | None) -> s2dnas.Converted:
    how = s2dnas.Conversion(evaluations=4, min_width=2, fit_images=64)
    torch.manual_seed(7)
    return s2dnas.convert(model, train, [coloured(120, 8)], budget=0.6, epochs=3, folder=folder, how=how)


@pytest.mark.parametrize("kill_in", [4, 6])
def test_a_conversion_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    model: nn.Module, kill_in: int, tmp_path: Path
) -> None:
    whole = converted(model, Counted(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        converted(model, Counted(kill_in), tmp_path / "killed")
    resumed = converted(model, Counted(), tmp_path / "killed")
    with pytest.raises(ArtifactError, match="holds the conversion of another network or with other settings"):
        converted(small_net(3), Counted(), tmp_path / "killed")
    assert resumed.plan == whole.plan
    assert resumed.rule == whole.rule
    images, _ = coloured(20, 9)
    with torch.no_grad():
        assert torch.equal(resumed.network(images), whole.network(images))
        loaded, rules = s2dnas.load(tmp_path / "killed" / "network")
        assert torch.equal(loaded(images), whole.network(images))
    assert rules == {"macs <= 60% of static": whole.rule}
