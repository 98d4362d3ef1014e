"""A run that is open: its folder, what it was started with, and what its steps work on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from s2dnas.pipeline.feed import DataFeed
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.networks import DynamicNetworks
from s2dnas.pipeline.pricing import Pricing
from s2dnas.pipeline.seeds import Seeds
from s2dnas.pipeline.settings import Settings
from s2dnas.pipeline.start import Start
from s2dnas.pipeline.statics import StaticNetworks
from s2dnas.pipeline.study import Study
from s2dnas.profile.table import LatencyTable
from s2dnas.space.limits import StageLimits
from s2dnas.training.compute import Compute
from s2dnas.training.loop import Progress

Watch = Callable[[str, Progress], None]


def unwatched(step: str, progress: Progress) -> None:
    """Nobody watches."""


@dataclass(frozen=True, eq=False)
class Run:
    """``watch(step, progress)`` is called with how far the current step is; ``compute``: device and precision."""

    folder: RunFolder
    start: Start
    watch: Watch
    compute: Compute
    feed: DataFeed
    statics: StaticNetworks
    study: Study

    @property
    def settings(self) -> Settings:
        """What the run was set to do."""
        return self.start.settings

    @property
    def seeds(self) -> Seeds:
        """The seeds of everything that the run draws."""
        return self.start.seeds

    @cached_property
    def latencies(self) -> LatencyTable | None:
        """The latency table that the run was started with, None if there is none."""
        path = self.folder.latencies
        return LatencyTable.load(path) if path.exists() else None

    @cached_property
    def pricing(self) -> Pricing:
        """What plans cost and how long they take."""
        return Pricing(self.settings, self.study.graph, self.statics.graph, self.latencies)

    @cached_property
    def limits(self) -> StageLimits:
        """What the stages of a plan may cost."""
        return self.pricing.limits(self.study.space)

    @property
    def networks(self) -> DynamicNetworks:
        """The networks that divide the one under study."""
        return DynamicNetworks(self.study, self.folder, self.settings.accumulate_logits)

    def without_copies(self) -> "Run":
        """The same, but that the static network is divided as it is."""
        return replace(self, study=self.study.without_copies())
