"""Weights that are reconstructed for a plan come closer to the static network than those that are only cut."""

import pytest
import torch
from torch import Tensor, nn

from nets import NETS
from oracle import Subject, error, random_plan, tiny
from s2dnas.graph.trace import trace
from s2dnas.inherit.reading import rows_read
from s2dnas.inherit.reconstruct import least_squares, reconstructed
from s2dnas.masked.interpreter import Interpreter, Pass
from s2dnas.masked.masks import masked_weights, stage_masks
from s2dnas.masked.stagewise import Stagewise
from s2dnas.network.weights import Weights, static_weights
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build

CONVOLUTIONAL = ["vgg", "vgg_bn", "residual", "dense", "padded_shortcut", "inverted_residual"]


def images_for(net: Subject) -> Tensor:
    return torch.randn(64, *net.images.shape[1:], dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def with_statistics_of(net: Subject, plan: Plan, weights: Weights, images: Tensor) -> tuple[Weights, Tensor]:
    """Weights whose running statistics are those of the images, and their logits (S, N, K)."""
    own = Weights(*_copied(weights))
    how = Pass(training=False, momentum=1.0, batch_statistics=True)
    with torch.no_grad():
        logits = Interpreter(net.graph).logits(images, own, Stagewise(net.graph, plan), how)
    return own, logits


def _copied(weights: Weights) -> tuple[dict[str, Tensor], tuple[dict[str, Tensor], ...]]:
    body, *heads = [{name: t.clone() for name, t in part.items()} for part in (weights.body, *weights.heads)]
    return body, tuple(heads)


def setting(name: str) -> tuple[Subject, Plan, Weights, Tensor]:
    net = tiny(name)
    plan = random_plan(net.graph, 2, 1, seed=0)
    assert plan is not None
    return net, plan, static_weights(net.graph, 2), images_for(net)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_it_answers_more_like_the_static_network_than_what_is_only_cut(name: str) -> None:
    net, plan, static, images = setting(name)
    cut = masked_weights(net.graph, static, stage_masks(net.graph, plan))
    fitted = reconstructed(net.graph, plan, images)
    with torch.no_grad():
        wanted = net.model(images)
    _, of_cut = with_statistics_of(net, plan, cut, images)
    _, of_fitted = with_statistics_of(net, plan, fitted, images)
    for stage in range(2):
        far, near = ((logits[stage] - wanted).square().mean() for logits in (of_cut, of_fitted))
        assert near < 0.7 * far


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_a_network_that_keeps_to_the_plan_already_stays_as_it_is(name: str) -> None:
    net, plan, static, images = setting(name)
    cut = masked_weights(net.graph, static, stage_masks(net.graph, plan))
    own, logits = with_statistics_of(net, plan, cut, images)
    last = Weights(own.body, (own.heads[-1], own.heads[-1]))
    fitted = reconstructed(net.graph, plan, images, last)
    _, found = with_statistics_of(net, plan, fitted, images)
    assert error(found[-1], logits[-1]) < 2e-2  # running variances are unbiased, those of a batch are not


@pytest.mark.parametrize("name", sorted(NETS))
def test_it_keeps_to_the_plan_and_leaves_the_static_weights_alone(name: str) -> None:
    net = tiny(name)
    plan = random_plan(net.graph, 3, 1, seed=1)
    if plan is None:
        pytest.skip("cannot be divided in three")
    static = static_weights(net.graph, 3)
    kept = Weights(*_copied(static))
    fitted = reconstructed(net.graph, plan, images_for(net), static)
    assert all(torch.equal(static.body[key], value) for key, value in kept.body.items())
    assert fitted.body.keys() == static.body.keys()
    again = masked_weights(net.graph, fitted, stage_masks(net.graph, plan))
    assert all(torch.equal(again.body[key], value) for key, value in fitted.body.items())
    assert torch.isfinite(build(net.graph, plan, fitted).eval()(net.images)).all()


def test_least_squares_is_the_same_in_rows_and_in_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the same rows say no more than once; twice as many are solved in the other form."""
    generator = torch.Generator().manual_seed(0)
    rows, wanted, start = (torch.randn(*s, dtype=torch.float64, generator=generator) for s in ((5, 8), (5, 2), (2, 8)))
    allowed = torch.tensor([[True] * 8, [True] * 4 + [False] * 4])
    monkeypatch.setattr("s2dnas.inherit.reconstruct.RIDGE", 0.1)
    few = least_squares(rows, wanted, allowed, start)
    many = least_squares(rows.repeat(2, 1), wanted.repeat(2, 1), allowed, start)
    torch.testing.assert_close(few, many)
    assert error(few, start * allowed) > 0.01


def test_least_squares_is_exact_where_the_allowed_inputs_suffice() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(500, 6, dtype=torch.float64, generator=generator)
    allowed = torch.tensor([[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]]).bool()
    truth = torch.randn(3, 6, dtype=torch.float64, generator=generator) * allowed
    found = least_squares(rows, rows @ truth.T, allowed, start=truth)
    torch.testing.assert_close(found, truth)


def test_least_squares_makes_up_for_what_is_not_allowed() -> None:
    """Two inputs that tell the same: the one that may be read takes over the weight of the other."""
    told = torch.randn(500, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    start = torch.ones(1, 2, dtype=torch.float64)
    found = least_squares(told.repeat(1, 2), 2 * told, torch.tensor([[True, False]]), start)
    torch.testing.assert_close(found, torch.tensor([[2.0, 0.0]], dtype=torch.float64), atol=0.02, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [6, 200])  # fewer and more rows than inputs
@pytest.mark.parametrize("alive", [0, 1, 4])
def test_dead_inputs_leave_their_weights_as_they_are(dtype: torch.dtype, count: int, alive: int) -> None:
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(count, 12, generator=rng, dtype=dtype)
    rows[:, alive:] = 0
    start = torch.randn(5, 12, generator=rng, dtype=dtype)
    allowed = torch.zeros(5, 12, dtype=torch.bool)
    allowed[:3, 2:], allowed[3:, :6] = True, True  # with one that lives, the first three read dead inputs alone
    found = least_squares(rows, rows @ start.T, allowed, start)
    assert found.isfinite().all()
    assert torch.equal(found[:, alive:], (start * allowed)[:, alive:])


@pytest.mark.parametrize(
    "shape", [{}, {"stride": 2, "padding": 1}, {"padding": (0, 2), "dilation": (1, 2)}, {"stride": (2, 1)}]
)
def test_rows_times_the_weight_are_the_outputs_of_a_convolution(shape: dict[str, int]) -> None:
    conv = nn.Conv2d(3, 4, 3, bias=False, **shape)
    model = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).double()
    images = torch.randn(70, 3, 9, 7, dtype=torch.float64)
    node = next(node for node in trace(model, images).graph.nodes if "conv" in str(node.target))
    every = conv(images).flatten(2).transpose(1, 2).flatten(0, 1)
    rows = rows_read(node, images, conv.weight, positions=10**6)
    assert rows is not None
    torch.testing.assert_close(rows @ conv.weight.flatten(1).T, every)
    some = rows_read(node, images, conv.weight, positions=5)
    assert some is not None
    assert len(some) == 5 * 70
