"""The network under study: the one that is divided, and the plans to divide it by."""

from dataclasses import dataclass, replace
from functools import cached_property

from torch import nn

from s2dnas.graph.channels import ChannelGraph
from s2dnas.inherit.copies import with_copies
from s2dnas.inherit.reconstruct import Reconstruction
from s2dnas.network.weights import static_weights
from s2dnas.pipeline.feed import DataFeed
from s2dnas.pipeline.settings import SpaceSettings
from s2dnas.pipeline.statics import StaticNetworks
from s2dnas.space.division import PieceWidth, search_space
from s2dnas.space.space import SearchSpace


@dataclass(frozen=True, eq=False)
class Study:
    """The trained static network, widened by copies of units if the settings say so, and its search space.

    It is divided in pieces of at least ``min_width`` channels.
    """

    statics: StaticNetworks
    feed: DataFeed
    settings: SpaceSettings
    min_width: PieceWidth

    @cached_property
    def graph(self) -> ChannelGraph:
        """The network that is divided: the static one, with copies of its units if there are to be any."""
        return self._widened(self.statics.graph)

    def with_weights_of(self, model: nn.Module) -> ChannelGraph:
        """The network that is divided, with the weights of another network of its kind; units keep their order."""
        return self._widened(replace(self.statics.graph, traced=self.statics.captured(model)))

    def without_copies(self) -> "Study":
        """The same, but that the static network is divided as it is."""
        return replace(self, settings=self.settings.model_copy(update={"copies": 0.0}))

    @cached_property
    def space(self) -> SearchSpace:
        """The plans to choose from."""
        return search_space(self.graph, self.settings.num_stages, self.min_width)

    @cached_property
    def reconstruction(self) -> Reconstruction:
        """Fits the static network's weights to plans."""
        weights = static_weights(self.graph, self.settings.num_stages)
        return Reconstruction(self.graph, self.feed.norm_images, weights)

    def _widened(self, graph: ChannelGraph) -> ChannelGraph:
        return with_copies(graph, self.settings.copies, self.feed.norm_images[:2])
