"""A built network runs in other processes and on other devices than it was captured in."""

import torch
from torch import Tensor, nn

from oracle import random_plan, subject, tiny
from s2dnas.staged.build import build


def test_a_network_is_sent_to_another_process() -> None:
    net = tiny("transposed")
    plan = random_plan(net.graph, 3, 1, seed=0)
    assert plan is not None
    network, images = build(net.graph, plan).requires_grad_(False), net.images
    with torch.multiprocessing.get_context("spawn").Pool(1) as pool:
        assert torch.equal(pool.apply(network, (images,)), network(images))


class Positioned(nn.Module):
    """Makes tensors of its own, on the device of the images, for all samples and for each."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(3, 6, 3), nn.Conv2d(7, 8, 3), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        ramp = torch.arange(6, device=x.device, dtype=torch.float32).expand(x.shape[0], 1, 6, 6)
        x = self.second(torch.cat([x, ramp], 1)).relu()
        return self.last(x.mean((2, 3)) + torch.ones(8, device=x.device))  # type: ignore[no-any-return]


def test_what_a_stage_makes_is_made_where_its_images_are() -> None:
    net = subject(lambda: (Positioned().eval(), torch.randn(2, 3, 8, 8)))
    plan = random_plan(net.graph, 2, 1, seed=0)
    assert plan is not None
    network = build(net.graph, plan)
    with torch.no_grad():
        expected = network(net.images)
        assert network.to("meta")(net.images.to("meta")).shape == expected.shape
    assert "device(" not in "".join(stage.code for stage in network.stages)  # type: ignore[misc]
