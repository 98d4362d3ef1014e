"""The MSDNet of the paper: its cost, its scales, its settings."""

import pytest
import torch

from s2dnas.baselines.msdnet import MSDNETS, MsdnetSettings, msdnet
from s2dnas.errors import SettingsError

M = 1e6


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("budgeted-5", [6.78, 14.19, 27.24, 41.33, 58.03]),
        ("budgeted-7", [6.78, 14.19, 27.01, 48.01, 75.84, 108.12, 136.48]),
    ],
)
def test_the_cost_is_the_published_one(name: str, macs: list[float]) -> None:
    assert [m / M for m in msdnet(MSDNETS[name], 10).macs] == pytest.approx(macs, rel=1e-3)


def test_blocks_have_the_published_numbers_of_layers() -> None:
    assert MSDNETS["budgeted-7"].layers == (1, 2, 3, 4, 5, 6, 7)
    assert MSDNETS["anytime-10"].layers == (4, *[2] * 9)


def test_the_finest_scale_is_dropped_after_each_third_of_the_layers() -> None:
    net = msdnet(MSDNETS["budgeted-5"], 10).eval()
    scales, carry = [], ()
    with torch.no_grad():
        for index in range(net.num_stages):
            _, carry = net.stage(index, torch.zeros(1, 3, 32, 32), carry)
            scales.append([tensor.shape[-1] for tensor in carry])
    assert scales == [[32, 16, 8], [32, 16, 8], [16, 8], [16, 8], [8]]


@pytest.mark.parametrize("size", [20, 28, 64])
def test_other_images_work(size: int) -> None:
    net = msdnet(MsdnetSettings(blocks=2, channels=2, growth=3), 7, (1, size, size)).eval()
    assert net(torch.zeros(2, 1, size, size)).shape == (2, 2, 7)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"blocks": 1}, "blocks must be at least 2"),
        ({"growth": 1}, "growth must be at least 2"),
        ({"bottleneck_factors": (1, 2)}, "bottleneck_factors must be 3 numbers"),
        ({"growth_factors": (), "bottleneck_factors": ()}, "growth_factors must be one number"),
        ({"reduction": 0.0}, "reduction must be in"),
        ({"steps": "odd"}, "steps must be 'even' or 'lin_grow'"),
        ({"base": 0, "step": 0}, "base must be at least 1, not 0; step must be at least 1"),
    ],
)
def test_settings_out_of_range_are_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        MsdnetSettings(**wrong)
