"""What plans of a run cost, in the currency of its settings, and how long they take."""

from dataclasses import dataclass
from functools import cached_property

from s2dnas.graph.channels import ChannelGraph
from s2dnas.pipeline.settings import Settings
from s2dnas.profile.latency import latency_cost
from s2dnas.profile.table import LatencyTable
from s2dnas.space.costs import Cost, mac_cost
from s2dnas.space.limits import StageLimits, stage_limits
from s2dnas.space.space import SearchSpace


@dataclass(frozen=True, eq=False)
class Pricing:
    """``graph`` is the network that is divided, ``given`` the static one; ``table`` is None if nothing was timed."""

    settings: Settings
    graph: ChannelGraph
    given: ChannelGraph
    table: LatencyTable | None

    @cached_property
    def cost(self) -> Cost:
        """What budgets, limits and rewards are about. Raises SettingsError if the table is of another network."""
        if self.settings.cost == "macs":
            return mac_cost(self.graph)
        assert self.table is not None
        assert self.settings.latency.batch is not None
        return latency_cost(self.graph, self.table, self.settings.latency.batch, self.given)

    @cached_property
    def times(self) -> dict[int, Cost]:
        """Milliseconds per sample, by batch size; empty if nothing was timed. Raises SettingsError as ``cost``."""
        batches = () if self.table is None else self.table.batches
        return {batch: latency_cost(self.graph, self.table, batch, self.given) for batch in batches if self.table}

    def limits(self, space: SearchSpace) -> StageLimits:
        """What the stages of a plan of ``space`` may cost."""
        search = self.settings.search
        return stage_limits(space, self.cost, search.budgets, search.stage_limits)
