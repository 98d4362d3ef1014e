"""Make the table of latencies of a network, for this machine and an engine."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.errors import require
from s2dnas.graph.channels import ChannelGraph
from s2dnas.profile.engines import THREADS, ProfiledEngine
from s2dnas.profile.fitting import TimedPlan, fit_surcharges
from s2dnas.profile.fusion import FUSED
from s2dnas.profile.grid import Widths
from s2dnas.profile.kernel import Kernel
from s2dnas.profile.machine import processor
from s2dnas.profile.measurements import Measurements, Times
from s2dnas.profile.table import LatencyTable, LayerTimes
from s2dnas.profile.tasks import some_plans, widths_to_time
from s2dnas.profile.timing import least_milliseconds
from s2dnas.profile.work import WorkModel
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace
from s2dnas.staged.build import build

FEWEST_COPIES, MOST_COPIES = 8, 64
"""A layer is timed as several with different weights: those of a lone one would stay in the cache."""
MACS_IN_ONE_GO = 1e7


@dataclass(frozen=True)
class Effort:
    """How carefully times are taken: so many ``plans`` as a whole, everything in so many ``passes``, one after the
    other, for so many ``seconds`` each time; a plan, for ten times as long.
    """

    plans: int = 6
    passes: int = 2
    seconds: float = 0.1

    def __post_init__(self) -> None:
        rules = {
            "plans": (self.plans >= 1, "at least 1"),
            "passes": (self.passes >= 1, "at least 1"),
            "seconds": (0 <= self.seconds < 60, "seconds below 60"),
        }
        require(self, rules)


@dataclass(frozen=True, eq=False)
class Profile:
    """What was timed in an engine: ``layers`` at a grid of widths, and some plans as a whole, by batch."""

    engine: str
    versions: Mapping[str, str]
    layers: tuple[LayerTimes, ...]
    plans: Mapping[int, Mapping[Plan, TimedPlan]]

    def table(self) -> LatencyTable:
        """The table from which any plan is predicted."""
        surcharges = [fit_surcharges(batch, list(plans.values())) for batch, plans in self.plans.items()]
        return LatencyTable(
            engine=self.engine,
            threads=THREADS,
            processor=processor(),
            versions=dict(self.versions),
            layers=self.layers,
            surcharges=tuple(surcharges),
        )


def profile(
    graph: ChannelGraph,
    space: SearchSpace,
    engine: ProfiledEngine,
    batches: Sequence[int],
    *,
    journal: Path | None = None,
    effort: Effort | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Profile:
    """Time what the plans of a search space can need, in batches of these sizes.

    With a ``journal``, a profile that was killed goes on where it stopped. ``on_progress(done, total)`` counts
    measurements. Raises ModelError if the network has layers that are not timed, ArtifactError if the journal belongs
    to another profile.
    """
    effort, batches = effort or Effort(), sorted(set(batches))
    model = WorkModel(graph, FUSED[engine.name])
    widths, plans = widths_to_time(graph, space, model), some_plans(space, effort.plans)
    work = _Profiling(graph, model, engine, effort, widths, plans)
    made = Measurements(journal, _origin(engine, space, effort))
    made.make({key: times for batch in batches for key, times in work.tasks(batch)}, effort.passes, on_progress)
    layers = {batch: work.layers(batch, made) for batch in batches}
    return Profile(
        engine=engine.name,
        versions=engine.versions(),
        layers=tuple(times for batch in batches for times in layers[batch].values()),
        plans={batch: work.timed(batch, made, layers[batch]) for batch in batches},
    )


@dataclass(frozen=True, eq=False)
class _Profiling:
    graph: ChannelGraph
    model: WorkModel
    engine: ProfiledEngine
    effort: Effort
    widths: Mapping[Kernel, Widths]
    plans: Sequence[Plan]

    @cached_property
    def _rest(self) -> FloatArray:
        """As many numbers as the network has weights. They are read between two runs of a layer, so that caches hold
        then what they hold in the network.
        """
        tensors = self.graph.traced.values
        return np.ones(sum(tensors[name].numel() for name in self.graph.traced.parameters), dtype=np.float32)

    def tasks(self, batch: int) -> Iterator[tuple[str, Times]]:
        """What is to be timed, by name."""
        for kernel, grid in self.widths.items():
            for inputs, outputs in grid:
                yield _layer(kernel, inputs, outputs, batch), partial(self._time_layer, kernel, inputs, outputs, batch)
        for plan in self.plans:
            yield _plan(plan, batch), partial(self._time_stages, plan, batch)

    def _time_layer(self, kernel: Kernel, inputs: int, outputs: int, batch: int) -> list[float]:
        copies = _copies(batch * kernel.macs(inputs, outputs))
        run = self.engine.layer(kernel, kernel.read_for(inputs, outputs), outputs, batch, copies)
        return [least_milliseconds([run], self.effort.seconds, self._rest.sum)[0] / copies]

    def _time_stages(self, plan: Plan, batch: int) -> list[float]:
        return least_milliseconds(self.engine.stages(build(self.graph, plan), batch), 10 * self.effort.seconds)

    def layers(self, batch: int, made: Measurements) -> dict[Kernel, LayerTimes]:
        """The times of all kernels."""
        return {
            kernel: LayerTimes(
                kernel=kernel,
                batch=batch,
                inputs=grid.inputs,
                outputs=grid.outputs,
                milliseconds=tuple(
                    tuple(made.least(_layer(kernel, inputs, outputs, batch))[0] for outputs in grid.outputs)
                    for inputs in grid.inputs
                ),
            )
            for kernel, grid in self.widths.items()
        }

    def timed(self, batch: int, made: Measurements, layers: Mapping[Kernel, LayerTimes]) -> dict[Plan, TimedPlan]:
        """The plans, with what their layers take alone."""
        return {plan: self._timed(plan, made.least(_plan(plan, batch)), layers) for plan in self.plans}

    def _timed(self, plan: Plan, taken: Sequence[float], layers: Mapping[Kernel, LayerTimes]) -> TimedPlan:
        stages = self.model.of(plan)
        alone = tuple(sum(layers[kernel].at(*widths) for kernel, *widths in work.layers) for work in stages)
        return TimedPlan(stages, alone, tuple(taken))


def _origin(engine: ProfiledEngine, space: SearchSpace, effort: Effort) -> dict[str, Any]:
    return {
        "engine": engine.name,
        "versions": dict(engine.versions()),
        "processor": processor(),
        "space": [[decision.name, *getattr(decision, "pieces", ())] for decision in space.decisions],
        "seconds": effort.seconds,
    }


def _copies(macs: int) -> int:
    """How many copies of a layer are timed in one go: more of the small ones, beside which a call takes long."""
    return min(max(FEWEST_COPIES, int(MACS_IN_ONE_GO / macs)), MOST_COPIES)


def _layer(kernel: Kernel, inputs: int, outputs: int, batch: int) -> str:
    return json.dumps([kernel.model_dump(mode="json"), inputs, outputs, batch])


def _plan(plan: Plan, batch: int) -> str:
    return json.dumps([plan.key, batch])
