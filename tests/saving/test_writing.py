"""A folder is replaced as a whole or stays as it was."""

from pathlib import Path

import pytest
import torch

from oracle import error, random_plan, tiny
from s2dnas.errors import SettingsError
from s2dnas.exits import ExitRule
from s2dnas.saving import writing
from s2dnas.saving.loading import load, load_static
from s2dnas.saving.writing import save
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build


def test_a_save_that_is_killed_leaves_the_old_network(
    folder: Path, network: MultiStageNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    images = torch.ones(1, *network.info.image_shape)
    expected, rules = load(folder)[0](images), load(folder)[1]
    other, _ = load(folder)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(2)
    with monkeypatch.context() as patched:
        patched.setattr(writing, "write_json", killed)
        with pytest.raises(Killed):
            save(other, {}, folder)
    again, found = load(folder)
    assert torch.equal(again(images), expected)
    assert found == rules
    save(other, {}, folder)
    assert torch.equal(load(folder)[0](images), other(images))
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}
    assert len(list(folder.iterdir())) == 2


def test_what_does_not_fit_is_not_saved(network: MultiStageNet, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'fast' has 3 stages, the network 2"):
        save(network, {"fast": ExitRule("margin", (0.5, 0.5))}, tmp_path / "network")
    with pytest.raises(SettingsError, match="class_names"):
        save(network, {}, tmp_path / "network", class_names=["one"])
    with pytest.raises(SettingsError, match="normalisation"):
        save(network, {}, tmp_path / "network", normalisation=((0.5,), (0.5,)))
    assert not (tmp_path / "network").exists()


def test_the_static_network_is_kept_beside_it(tmp_path: Path) -> None:
    net = tiny("residual")
    plan = random_plan(net.graph, 2, 1, seed=0)
    assert plan is not None
    network, static = build(net.graph, plan), build(net.graph, Plan(1, {}, {}))
    names = [str(number) for number in range(network.info.num_classes)]
    save(network, {}, tmp_path, class_names=names, static=static)
    found = load_static(tmp_path)
    assert found is not None
    assert torch.equal(found(net.images)[0], static(net.images)[0])
    assert error(found(net.images)[0], net.model(net.images)) < 1e-9
    assert found.info.class_names == tuple(names)
    save(network, {}, tmp_path)
    assert load_static(tmp_path) is None
