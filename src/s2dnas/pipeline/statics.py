"""The static network of a run: fresh, as the run starts with it, and as each of its trainings left it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from s2dnas.errors import ModelError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import trace
from s2dnas.graph.traced import Traced
from s2dnas.models.registry import create_model
from s2dnas.models.weights import load_weights
from s2dnas.pipeline.feed import DataFeed
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.start import Start
from s2dnas.space.importance import by_importance
from s2dnas.training.checkpoint import load_checkpoint


@dataclass(frozen=True, eq=False)
class StaticNetworks:
    """The static network of ``start``, for the data of ``feed``; ``folder`` holds what its trainings left."""

    start: Start
    folder: RunFolder
    feed: DataFeed

    def fresh(self) -> nn.Module:
        """A copy with fresh weights, drawn from the run's seed."""
        channels, *_ = self.feed.image_shape
        with self.start.seeds.drawing("weights"):
            return create_model(self.start.model, self.feed.num_classes, channels)

    def new(self) -> nn.Module:
        """A copy as the run starts with it: with the given weights, if there are any.

        Raises ModelError if they are for other classes and are not to be trained.
        """
        model = self.fresh()
        if self.start.weights is not None:
            self._load(model, Path(self.start.weights))
        return model

    def _load(self, model: nn.Module, weights: Path) -> None:
        num_classes = self.feed.num_classes
        head = load_weights(model, weights, num_classes=num_classes)
        if head and not self.start.settings.static.epochs:
            raise ModelError(
                f"{weights} classifies into another number of classes than the data's {num_classes} "
                f"({', '.join(head)}); to train a new classifier, say for how many epochs: static.epochs=10"
            )

    def after(self, step: str) -> nn.Module:
        """A copy as a step left it, ``static`` or ``control``; on the device, in eval mode."""
        model = self.new()
        load_checkpoint(self.folder.trained(step), model)
        return model.to(self.feed.device).eval()

    @cached_property
    def trained(self) -> nn.Module:
        """The trained static network: what the step ``static`` left."""
        return self.after("static")

    @cached_property
    def graph(self) -> ChannelGraph:
        """The trained static network, captured, the units of each coupling in order of importance."""
        images = next(iter(self.feed.plain(self.feed.splits.train)))[0]
        return by_importance(
            analyse_channels(self.captured(self.trained)), self.start.settings.space.importance, images
        )

    def captured(self, model: nn.Module) -> Traced:
        """A network for the same images, captured; it is moved to the device."""
        device = self.feed.device
        return trace(model.to(device), torch.zeros(1, *self.feed.image_shape, device=device))
