"""Capturing leaves the network as it was, and refuses what it cannot capture with the reason and the way out."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nets import NETS, Calls, conv_bn, pooled
from oracle import random_plan, tiny
from s2dnas.errors import ModelError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.network.counter import count_macs
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build

IMAGES = torch.randn(2, 3, 8, 8)


def net(forward: Callable[[Calls, Tensor], object]) -> nn.Module:
    modules = {"conv": nn.Conv2d(3, 4, 3, padding=1), "fc": nn.Linear(4, 3), "deep": conv_bn(4, 4)}
    return Calls(forward, **modules)  # type: ignore[arg-type]


def fixed_batch(m: Calls, x: Tensor) -> Tensor:
    return m.fc(pooled(m.conv(x)).view(2, 4))


def counts_the_samples(m: Calls, x: Tensor) -> Tensor:
    return m.fc(pooled(m.conv(x)).view(len(x), -1))


def depends_on_values(m: Calls, x: Tensor) -> Tensor:
    y = pooled(m.conv(x))
    return m.fc(y if y.sum() > 0 else -y)


def subtracts_the_mean_sample(m: Calls, x: Tensor) -> Tensor:
    y = pooled(m.conv(x))
    return m.fc(y - y.mean(0))


def writes_under_a_view(m: Calls, x: Tensor) -> Tensor:
    y = m.conv(x)
    half = y[:, :2]
    y.relu_()
    return m.fc(pooled(torch.cat([half, half], 1)))


def writes_through_a_view(m: Calls, x: Tensor) -> Tensor:
    y = m.conv(x)
    y[:, :2] = 0
    return m.fc(pooled(y))


def writes_through_a_view_of_a_view(m: Calls, x: Tensor) -> Tensor:
    y = m.conv(x)
    y[:, :2][:, :1].add_(1)
    return m.fc(pooled(y))


def writes_through_a_part(m: Calls, x: Tensor) -> Tensor:
    y = m.conv(x)
    first, _ = y.chunk(2, 1)
    first.mul_(2)
    return m.fc(pooled(y))


REFUSED: dict[str, tuple[Callable[[Calls, Tensor], object], str]] = {
    "values": (depends_on_values, "cannot be captured.*make forward free of control flow that depends on values"),
    "fixed batch": (fixed_batch, r"cannot be captured.*one number of samples only; take it from x.shape\[0\]"),
    "len": (counts_the_samples, r"cannot be captured.*one number of samples only; take it from x.shape\[0\]"),
    "map": (lambda m, x: m.conv(x), r"logits \(N, K\).*shape \(1, 4, 8, 8\); flatten"),
    "pair": (lambda m, x: (m.fc(pooled(m.conv(x))), x), r"one tensor of logits \(N, K\), it gives 2 values; wrap it"),
    "no image": (lambda m, _: m.fc.weight, r"do not depend on the image|for one image its output has shape"),
    "samples": (subtracts_the_mean_sample, "aten.mean combines the samples of a batch; each sample's logits"),
    "under a view": (writes_under_a_view, "relu_.*shares memory with.*out-of-place"),
    "through a view": (writes_through_a_view, "shares memory with.*out-of-place"),
    "through two views": (writes_through_a_view_of_a_view, "shares memory with.*out-of-place"),
    "through a part": (writes_through_a_part, "shares memory with.*out-of-place"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_captured_is_refused(name: str) -> None:
    forward, message = REFUSED[name]
    with pytest.raises(ModelError, match=message):
        trace(net(forward), IMAGES)


def test_images_that_do_not_fit_are_refused() -> None:
    model = net(lambda m, x: m.fc(pooled(m.conv(x))))
    with pytest.raises(ModelError, match=r"\(2, 1, 8, 8\).*check that the input fits the network"):
        trace(model, IMAGES[:, :1])
    with pytest.raises(ModelError, match=r"image batch \(N, C, H, W\), it has shape \(3, 8, 8\); give one image as"):
        trace(model, IMAGES[0])


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ModelError, match="no convolution or linear layer"):
        analyse_channels(trace(net(lambda _, x: x.mean((2, 3))), IMAGES))


@pytest.mark.parametrize("name", NETS)
def test_the_network_stays_as_it_was(name: str) -> None:
    model, images = NETS[name]()
    modes = [index % 2 == 0 for index, _ in enumerate(model.modules())]
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
    before, attributes = copy.deepcopy(model.state_dict()), _attributes(model)
    traced = trace(model, images)
    graph = analyse_channels(traced)
    plan = random_plan(graph, 2, 1, seed=0)
    assert plan is not None
    build(graph, plan).train()(images)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert [module.training for module in model.modules()] == modes
    assert _attributes(model) == attributes
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def _attributes(model: nn.Module) -> list[object]:
    """Which attributes every module has, and how many hooks."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return [(sorted(vars(module)), [len(getattr(module, hook)) for hook in hooks]) for module in model.modules()]


def test_values_are_the_networks_own_tensors_under_their_names() -> None:
    subject = tiny("residual")
    own = dict(subject.model.named_parameters())
    assert subject.graph.traced.parameters == own.keys()
    assert all(subject.graph.traced.values[name].data_ptr() == own[name].data_ptr() for name in own)
    assert subject.graph.traced.image_shape == (3, 8, 8)
    assert subject.graph.traced.num_classes == 3


def test_what_a_layer_makes_of_constants_is_made_once() -> None:
    """A bias by position: no stage computes it, none pays for it, and every stage has a copy to train."""
    table = torch.randn(64, 4)
    model = net(lambda m, x: m.fc(pooled(m.deep(m.conv(x) + F.relu(m.fc(table)).mean(1).view(8, 8)))))
    traced = trace(model.eval(), IMAGES)
    graph = analyse_channels(traced)
    assert not graph.whole_macs
    assert [layer.name for layer in graph.mixing] == ["conv", "deep.0", "fc"]
    plan = random_plan(graph, 2, 1, seed=0)
    assert plan is not None
    one, two = build(graph, Plan(1, {}, {})), build(graph, plan)
    with torch.no_grad():
        torch.testing.assert_close(one(IMAGES)[0], model(IMAGES))
        assert count_macs(two, IMAGES[:1]) == two.macs


def test_in_place_calls_compute_what_they_did() -> None:
    def forward(m: Calls, x: Tensor) -> Tensor:
        y = m.conv(x)
        kept = y * 1
        y.relu_()
        z = y.view(y.shape[0], -1)
        z.mul_(0.5)
        return m.fc(pooled(kept) + z.view(-1, 4, 64).mean(2))

    model = net(forward).double().eval()
    traced = trace(model, IMAGES.double())
    graph = analyse_channels(traced)
    plan = random_plan(graph, 2, 1, seed=0)
    assert plan is not None
    assert plan.widths
    with torch.no_grad():
        one = build(graph, type(plan)(1, {}, {}))(IMAGES.double())[0]
        torch.testing.assert_close(one, model(IMAGES.double()))


def test_the_samples_may_be_any_number() -> None:
    def forward(m: Calls, x: Tensor) -> Tensor:
        y = F.relu(m.conv(x))
        return m.fc(y.reshape(y.size(0), y.size(1), -1).mean(-1))

    model = net(forward).eval()
    for count in (1, 2, 5):
        traced = trace(model, IMAGES[:1].repeat(count, 1, 1, 1))
        assert traced.shapes[traced.image] == (1, 3, 8, 8)


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile], ids=["data parallel", "compiled"])
def test_a_wrapper_is_taken_off(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model = net(lambda m, x: m.fc(pooled(m.deep(m.conv(x))))).eval()
    assert set(trace(wrap(model), IMAGES).tensors.values()) == set(trace(model, IMAGES).tensors.values())


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:DeprecationWarning")  # users still have such modules
def test_a_scripted_module_is_refused() -> None:
    model = torch.jit.trace(nn.Sequential(nn.Conv2d(3, 4, 8), nn.Flatten()), IMAGES)
    with pytest.raises(ModelError, match=r"TorchScript.*give the nn\.Module"):
        trace(model, IMAGES)


def test_auxiliary_heads_are_left_out_and_named(caplog: pytest.LogCaptureFixture) -> None:
    class TwoHeads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.fc, self.aux = conv_bn(3, 6), nn.Linear(6, 3), nn.Sequential(nn.Linear(6, 3))

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            y = pooled(self.body(x))
            return {"logits": self.fc(y), "aux": self.aux(y)}

    traced = trace(TwoHeads(), IMAGES)
    assert traced.unused == ("aux",)
    assert "not needed for the logits, left out: aux" in caplog.text
    assert [layer.name for layer in analyse_channels(traced).mixing] == ["body.0", "fc"]
