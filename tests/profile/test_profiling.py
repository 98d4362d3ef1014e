"""A network is really timed, in both engines, and every plan of its space can be priced afterwards."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from s2dnas.errors import SettingsError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import trace
from s2dnas.profile.engines import ProfiledEngine, profiled_engine
from s2dnas.profile.kernel import Kernel
from s2dnas.profile.latency import latency_cost
from s2dnas.profile.profiling import Effort, profile
from s2dnas.space.division import search_space
from s2dnas.space.space import SearchSpace
from s2dnas.staged.build import MultiStageNet

QUICK = Effort(plans=2, passes=1, seconds=0.0)


@pytest.fixture(scope="module")
def graph() -> ChannelGraph:
    """A plain, a depthwise and a pointwise convolution, each with a norm and a ReLU, and a classifier."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for convolution in (nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3, groups=16), nn.Conv2d(16, 24, 1, stride=2)):
        layers += [convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10))
    return analyse_channels(trace(model.eval(), torch.zeros(1, 3, 12, 12)))


@pytest.fixture(scope="module")
def space(graph: ChannelGraph) -> SearchSpace:
    return search_space(graph, 2, 8)


@pytest.mark.parametrize("engine", ["onnxruntime", "pytorch"])
def test_every_plan_of_the_space_has_a_time(engine: str, graph: ChannelGraph, space: SearchSpace) -> None:
    table = profile(graph, space, profiled_engine(engine), [2, 2], effort=QUICK).table()
    assert (table.engine, table.batches) == (engine, (2,))
    rng = np.random.default_rng(0)
    for batch in table.batches:
        cost = latency_cost(graph, table, batch)
        assert cost.static > 0
        for plan in [space.sample(rng) for _ in range(30)]:
            times = cost.of(plan)
            assert times.shape == (2,)
            assert 0 < times[0] < times[1]


class Counted(ProfiledEngine):
    """Nothing is computed; what was asked for is counted."""

    name = "onnxruntime"

    def __init__(self, killed_at: int | None = None) -> None:
        self.asked: list[tuple[Kernel | None, int, int, int]] = []
        self.killed_at = killed_at

    def versions(self) -> Mapping[str, str]:
        return {}

    def layer(self, kernel: Kernel, inputs: int, outputs: int, batch: int, copies: int) -> Callable[[], object]:
        assert copies >= 8
        return self._asked(kernel, inputs, outputs, batch)

    def stages(self, network: MultiStageNet, batch: int) -> Sequence[Callable[[], object]]:
        return [self._asked(None, 0, index, batch) for index in range(network.num_stages)]

    def _asked(self, kernel: Kernel | None, inputs: int, outputs: int, batch: int) -> Callable[[], object]:
        if len(self.asked) == self.killed_at:
            raise KeyboardInterrupt
        self.asked.append((kernel, inputs, outputs, batch))
        return lambda: sum(range(1000))


def test_a_profile_that_was_killed_goes_on(graph: ChannelGraph, space: SearchSpace, tmp_path: Path) -> None:
    first, second, whole = Counted(killed_at=10), Counted(), Counted()
    with pytest.raises(KeyboardInterrupt):
        profile(graph, space, first, [1], effort=QUICK, journal=tmp_path / "journal")
    profile(graph, space, second, [1], effort=QUICK, journal=tmp_path / "journal")
    profile(graph, space, whole, [1], effort=QUICK)
    assert first.asked + second.asked == whole.asked


def test_a_grouped_layer_is_timed_with_the_inputs_of_its_groups(graph: ChannelGraph, space: SearchSpace) -> None:
    engine = Counted()
    profile(graph, space, engine, [1], effort=QUICK)
    depthwise = [(inputs, outputs) for kernel, inputs, outputs, _ in engine.asked if kernel and kernel.group]
    assert depthwise
    assert all(inputs == outputs for inputs, outputs in depthwise)


def test_unknown_engines_and_impossible_efforts_are_refused() -> None:
    with pytest.raises(SettingsError, match="did you mean 'onnxruntime'"):
        profiled_engine("onnxruntme")
    with pytest.raises(SettingsError, match="plans must be at least 1"):
        Effort(plans=0)
