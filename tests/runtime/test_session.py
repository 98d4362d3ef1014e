"""A session answers as the PyTorch network does, for any batch, rule and network."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bundled import NUM_STAGES, RULES, Bundled, bundled
from nets import NETS
from s2dnas.errors import DataError, SettingsError
from s2dnas.exits import ExitRule
from s2dnas.runtime import Session, SessionAnswers

FEW = ["vgg_bn", "residual", "squeeze_excite_conv"]


def agree(found: SessionAnswers, net: Bundled, images: torch.Tensor, rule: ExitRule) -> None:
    expected = net.network.predict(images, rule)
    assert found.stages.tolist() == expected.stages.tolist()
    assert found.labels.tolist() == expected.labels.tolist()
    assert found.macs.tolist() == expected.macs.tolist()
    np.testing.assert_allclose(found.scores, expected.scores.numpy(), atol=1e-4)


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("point", RULES)
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_it_answers_as_pytorch_does(name: str, point: str, count: int) -> None:
    net = bundled(name)
    agree(Session(net.bundle)(net.images[:count].numpy(), point), net, net.images[:count], RULES[point])


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_every_network_is_answered_as_pytorch_does(name: str) -> None:
    net = bundled(name, traced=False)  # the traced exporter fixes the batch size of some
    for point, rule in RULES.items():
        for count in (0, 1, 2, 7, 16):
            agree(Session(net.bundle)(net.images[:count].numpy(), point), net, net.images[:count], rule)


def test_added_logits_are_added() -> None:
    net = bundled("residual", accumulate_logits=True)
    for point, rule in RULES.items():
        agree(Session(net.bundle)(net.images.numpy(), point), net, net.images, rule)


@given(
    thresholds=st.tuples(*[st.sampled_from([0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 2.0])] * (NUM_STAGES - 1)),
    seed=st.integers(0, 99),
)
@settings(max_examples=30)
def test_thresholds_may_be_given_with_the_images(thresholds: tuple[float, ...], seed: int) -> None:
    net = bundled("residual")
    rows = torch.randint(16, (9,), generator=torch.Generator().manual_seed(seed))
    images = net.images[rows]
    agree(session()(images.numpy(), thresholds=thresholds), net, images, ExitRule("margin", thresholds))


def session() -> Session:
    return Session(bundled("residual").bundle)


def test_the_first_point_is_taken_where_none_is_named() -> None:
    net = bundled("residual")
    agree(session()(net.images.numpy()), net, net.images, RULES["margin"])


def test_images_are_left_as_they_were() -> None:
    net = bundled("padded_image")  # later stages read the image, too
    images = net.images.numpy().copy()
    images.setflags(write=False)
    Session(net.bundle)(images)
    assert np.array_equal(images, net.images.numpy())


def test_a_score_that_is_nan_leaves_last() -> None:
    net = bundled("residual")
    images = net.images[:4].numpy().copy()
    images[1] = np.nan
    found = session()(images, thresholds=(0.0, 0.0))
    assert found.stages.tolist() == [0, 2, 0, 0]
    assert np.isnan(found.scores[1])
    assert session()(images[1:2], thresholds=(0.0, 0.0)).stages.tolist() == [2]


def test_images_in_any_order_of_memory_are_taken() -> None:
    net = bundled("residual")
    images = np.asfortranarray(net.images.numpy())
    agree(session()(images), net, net.images, RULES["margin"])


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((2, 3, 8, 8)), "float64"),
        (np.zeros((3, 8, 8), np.float32), r"\(3, 8, 8\)"),
        (np.zeros((2, 3, 9, 8), np.float32), r"\(2, 3, 9, 8\)"),
        ([[1.0]], "list"),
    ],
)
def test_other_images_are_refused(images: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        session()(images)


def test_a_point_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="did you mean 'margin'"):
        session()(bundled("residual").images.numpy(), "margn")


@pytest.mark.parametrize("thresholds", [(0.1,), (0.1, 0.2, 0.3), (-1.0, 0.1), (float("nan"), 0.1)])
def test_thresholds_that_do_not_fit_are_refused(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match="thresholds"):
        session()(bundled("residual").images.numpy(), thresholds=thresholds)


def test_several_threads_may_ask_at_once() -> None:
    net, asked = bundled("residual"), session()
    expected = asked(net.images.numpy())

    def answer(start: int) -> list[int]:
        return [int(asked(net.images[row : row + 1].numpy()).labels[0]) for row in range(start, 16, 4)]

    with ThreadPoolExecutor(4) as pool:
        for start, labels in enumerate(pool.map(answer, range(4))):
            assert labels == expected.labels[start::4].tolist()


@given(counts=st.lists(st.integers(0, 16), min_size=1, max_size=6))
@settings(max_examples=20)
def test_what_was_asked_before_leaves_no_trace(counts: list[int]) -> None:
    net = bundled("residual")
    asked, expected = session(), session()(net.images.numpy())
    for count in counts:
        assert asked(net.images[:count].numpy()).labels.tolist() == expected.labels[:count].tolist()
