"""A runner answers as ``predict`` does: the same exits, the same labels, on any subset of the images."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nets import NETS
from oracle import error, random_plan, tiny
from s2dnas.errors import DataError, SettingsError
from s2dnas.evaluation.collect import collect
from s2dnas.exits import NEVER, ExitRule, Scoring
from s2dnas.network.answers import Answers
from s2dnas.staged.build import MultiStageNet, build
from s2dnas.staged.runner import Runner


def built(name: str, *, accumulate_logits: bool = False) -> tuple[MultiStageNet, Tensor]:
    """A network of two or three stages in double precision, and 12 images."""
    net = tiny(name)
    plan = random_plan(net.graph, 3, 1, seed=1) or random_plan(net.graph, 2, 1, seed=1)
    assert plan is not None
    shape = (12, *net.images.shape[1:])
    images = torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=net.images.dtype)
    return build(net.graph, plan, accumulate_logits=accumulate_logits), images


def rule_for(network: MultiStageNet, images: Tensor, measure: str = "margin", *, surest: bool = False) -> ExitRule:
    """Half of the images would leave at each stage; temperatures keep scores below 1."""
    scoring = Scoring(measure, (100.0,) * network.num_stages, surest)
    scores = collect(network, [(images, torch.zeros(len(images), dtype=torch.int64))], scoring).scores
    return ExitRule(scoring, tuple(np.median(scores[:-1], axis=1).tolist()))


def assert_same(found: Answers, expected: Answers) -> None:
    assert found.labels.tolist() == expected.labels.tolist()
    assert found.stages.tolist() == expected.stages.tolist()
    assert found.macs.tolist() == expected.macs.tolist()
    assert error(found.scores, expected.scores) < 1e-9
    assert found.scores.dtype == expected.scores.dtype


@pytest.mark.parametrize(
    ("name", "measure", "surest"), [*((n, "margin", False) for n in NETS), ("residual", "entropy", True)]
)
def test_it_answers_as_predict_does(name: str, measure: str, surest: bool) -> None:
    network, images = built(name, accumulate_logits=surest)
    rule = rule_for(network, images, measure, surest=surest)
    runner, expected = Runner(network, rule), network.predict(images, rule)
    assert_same(runner(images), expected)
    for index in range(3):
        assert_same(runner(images[index : index + 1]), network.predict(images[index : index + 1], rule))


def test_each_rule_gives_its_own_answers() -> None:
    network, images = built("residual")
    runner = Runner(network, ExitRule("margin", (0.0, 0.0)))
    assert runner(images).stages.unique().tolist() == [0]
    runner.rule = ExitRule("margin", (NEVER, NEVER))
    assert runner(images).stages.unique().tolist() == [2]


def test_of_no_images_there_are_no_answers() -> None:
    network, images = built("residual")
    answers = Runner(network, rule_for(network, images))(images[:0])
    assert [len(part) for part in (answers.labels, answers.stages, answers.scores, answers.macs)] == [0] * 4


def test_an_image_that_is_no_number_never_leaves_early() -> None:
    network, images = built("residual")
    images[1] = torch.nan
    answers = Runner(network, ExitRule("margin", (0.0, 0.0)))(images[:3])
    assert answers.stages.tolist() == [0, 2, 0]


def test_a_copy_or_conversion_is_independent_and_stays_in_eval_mode() -> None:
    network, images = built("residual")
    rule = rule_for(network, images)
    runner = Runner(network, rule)
    expected, twin = runner(images), copy.deepcopy(runner)
    assert len(set(expected.stages.tolist())) == 3
    single = copy.deepcopy(runner).to(torch.float32, memory_format=torch.channels_last)
    for module in (network, runner):
        for tensor in (*module.parameters(), *module.buffers()):
            nn.init.zeros_(tensor) if tensor.is_floating_point() else None
    assert_same(twin.train()(images), expected)
    assert not any(module.training for module in twin.modules())
    answers = single(images.float())
    assert answers.stages.tolist() == expected.stages.tolist()
    assert answers.scores.dtype == torch.float32
    with torch.inference_mode():
        assert_same(twin(images), expected)


@pytest.mark.parametrize("wrong", ["shape", "dimensions", "dtype", "device"])
def test_images_that_do_not_fit_are_refused(wrong: str) -> None:
    network, images = built("residual")
    runner = Runner(network, rule_for(network, images))
    given = {
        "shape": images[:, :, 1:],
        "dimensions": images[0],
        "dtype": images.half(),
        "device": images.to("meta"),
    }
    with pytest.raises(DataError, match=r"images must be torch.float64 \(N, 3, .*\) on cpu"):
        runner(given[wrong])


def test_a_rule_of_other_stages_or_wrapped_stages_are_refused() -> None:
    network, images = built("residual")
    with pytest.raises(SettingsError, match="the rule has 2 stages, the network 3"):
        Runner(network, ExitRule("margin", (0.5,)))
    rule = rule_for(network, images)
    network.stages[0] = nn.Identity()
    with pytest.raises(SettingsError, match="Identity"):
        Runner(network, rule)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_compiled_stages_answer_the_same() -> None:
    network, images = built("residual")
    rule = rule_for(network, images)
    runner = Runner(network, rule)
    runner.compile()
    for count in (1, 12, 5):
        assert_same(runner(images[:count]), network.predict(images[:count], rule))
