"""Flat stages compute what the network's stages do, by real layers of the user's names."""

import pytest
import torch
from torch import Tensor, nn

from nets import NETS
from oracle import error, random_plan, subject, tiny
from s2dnas.errors import SettingsError
from s2dnas.staged.build import MultiStageNet, build
from s2dnas.staged.flat import FlatStage, stage_modules
from s2dnas.values import IMAGE, logits_name

EVERY_NET = pytest.mark.parametrize("name", NETS)


def built(name: str, *, accumulate_logits: bool = False) -> tuple[MultiStageNet, Tensor]:
    net = tiny(name)
    plan = random_plan(net.graph, 3, 1, seed=1) or random_plan(net.graph, 2, 1, seed=1)
    assert plan is not None
    return build(net.graph, plan, accumulate_logits=accumulate_logits), net.images


def run(stages: tuple[FlatStage, ...], images: Tensor) -> Tensor:
    known = {IMAGE: images}
    logits = []
    with torch.no_grad():
        for index, stage in enumerate(stages):
            known |= zip(stage.outputs, stage(*(known[name] for name in stage.inputs)), strict=True)
            logits.append(known[logits_name(index)])
    return torch.stack(logits)


@EVERY_NET
@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("accumulate_logits", [False, True])
def test_flat_stages_give_the_logits_of_the_network(name: str, fold: bool, accumulate_logits: bool) -> None:
    network, images = built(name, accumulate_logits=accumulate_logits)
    with torch.no_grad():
        expected = network(images)
    found = run(stage_modules(network, fold=fold), images)
    assert error(found, expected) < (1e-9 if fold else 1e-12)


@EVERY_NET
def test_no_output_of_a_flat_stage_is_one_of_its_inputs(name: str) -> None:
    for stage in stage_modules(built(name)[0]):
        assert not set(stage.inputs) & set(stage.outputs)
        placeholders = stage.graph.find_nodes(op="placeholder")
        assert len(placeholders) == len(stage.inputs)
        assert all(placeholder.users for placeholder in placeholders)


def a_stem_that_stays_whole() -> tuple[nn.Module, Tensor]:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 16, 3), nn.Flatten(), nn.Linear(256, 5))
    return body.double().eval(), torch.randn(3, 3, 8, 8, dtype=torch.float64)


def test_an_image_that_a_stage_does_not_read_is_no_input() -> None:
    net = subject(a_stem_that_stays_whole)
    plan = random_plan(net.graph, 3, 4, seed=0)
    assert plan is not None
    network = build(net.graph, plan)
    first, *later = stage_modules(network)
    assert first.inputs == (IMAGE,)
    assert all(IMAGE not in stage.inputs for stage in later)
    assert error(run((first, *later), net.images), network(net.images)) < 1e-12


def test_layers_have_their_types_and_the_names_of_the_static_network() -> None:
    network, _ = built("residual")
    static = dict(tiny("residual").model.named_modules())
    for stage in stage_modules(network):
        layers = {path: layer for path, layer in stage.named_modules() if list(layer.parameters(recurse=False))}
        assert any(isinstance(layer, nn.Conv2d) for layer in layers.values())
        assert any(isinstance(layer, nn.Linear) for layer in layers.values())
        assert any(isinstance(layer, nn.BatchNorm2d) for layer in layers.values())
        assert all(type(layer) is type(static[path]) for path, layer in layers.items())


def test_folded_norms_are_gone() -> None:
    network, _ = built("residual")
    kept, folded = stage_modules(network)[0], stage_modules(network, fold=True)[0]
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in kept.modules())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())


def test_flat_stages_share_nothing_with_the_network() -> None:
    network, images = built("residual")
    stages = stage_modules(network)
    before = run(stages, images)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert torch.equal(run(stages, images), before)


def test_stages_that_were_wrapped_are_refused() -> None:
    network, _ = built("residual")
    network.stages[0] = nn.Identity()
    with pytest.raises(SettingsError, match="Identity"):
        stage_modules(network)
