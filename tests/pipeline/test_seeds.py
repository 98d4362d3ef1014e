"""Each purpose draws from a seed of its own, and nothing outside it notices."""

import zlib

import pytest
import torch

from s2dnas.pipeline.seeds import Seeds

PURPOSES = ("weights", "static", "search", "shared", "train", "control", "guarantee", "msdnet", "trials/1")


def test_no_two_purposes_and_no_two_runs_share_a_seed() -> None:
    found = {Seeds(seed).of(purpose) for seed in range(5) for purpose in PURPOSES}
    assert len(found) == 5 * len(PURPOSES)
    assert Seeds(3).of("train") == Seeds(3).of("train")


@pytest.mark.parametrize(("step", "named"), [("train", "7/train"), ("control", "7/equal")])
def test_published_results_can_be_trained_again(step: str, named: str) -> None:
    assert Seeds(7).of(step) == zlib.crc32(named.encode())


def test_what_is_drawn_inside_follows_from_the_seed_and_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    drawn = []
    for seed, purpose in ((0, "weights"), (0, "weights"), (1, "weights"), (0, "msdnet")):
        with Seeds(seed).drawing(purpose):
            drawn.append(torch.rand(4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[3])
