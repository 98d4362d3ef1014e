"""A run: a folder, what it was started with, and what its steps share."""

import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from s2dnas.data.batches import num_batches, plain_batches, training_batches
from s2dnas.data.images import ImageData
from s2dnas.data.normalise import NAMED_STATS, ChannelStats, channel_stats
from s2dnas.data.sources import load
from s2dnas.data.splits import Splits, split
from s2dnas.errors import ArtifactError, ModelError
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import trace
from s2dnas.graph.traced import Traced
from s2dnas.inherit.copies import with_copies
from s2dnas.inherit.reconstruct import Reconstruction
from s2dnas.models.registry import create_model
from s2dnas.models.weights import load_weights
from s2dnas.network.weights import static_weights
from s2dnas.pipeline.settings import Settings
from s2dnas.space.division import search_space
from s2dnas.space.importance import by_importance
from s2dnas.space.space import SearchSpace
from s2dnas.training.checkpoint import load_checkpoint
from s2dnas.training.compute import Compute, device_for
from s2dnas.training.loop import Batch, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator


CHECKPOINT = "checkpoint.safetensors"
"""The state of a training, in the folder of its step."""

_PURPOSES = {"control": "equal"}
"""Under another name in seeds, so that the controls of the published results can be trained again."""


@dataclass(frozen=True)
class Start:
    """What a run is started with."""

    model: str
    data: str
    weights: str | None
    settings: Settings

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        settings = self.settings.model_dump(mode="json")
        return {"model": self.model, "data": self.data, "weights": self.weights, "settings": settings}


Watch = Callable[[str, Progress], None]


def unwatched(step: str, progress: Progress) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Run:
    """A run folder and its start; ``watch(step, progress)`` hears how far the current step is."""

    folder: Path
    start: Start
    watch: Watch = field(default=unwatched)

    @property
    def settings(self) -> Settings:
        """The run's settings."""
        return self.start.settings

    def without_copies(self) -> "Run":
        """The same, but that the static network is divided as it is."""
        space = self.settings.space.model_copy(update={"copies": 0.0})
        return replace(self, start=replace(self.start, settings=self.settings.model_copy(update={"space": space})))

    def seed(self, purpose: str) -> int:
        """A seed of its own for each purpose."""
        return zlib.crc32(f"{self.settings.seed}/{_PURPOSES.get(purpose, purpose)}".encode())

    @contextmanager
    def drawing(self, purpose: str) -> "Iterator[None]":
        """Fresh weights that are made inside are drawn from the run's seed; the global generator stays as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed(purpose))
            yield

    @cached_property
    def compute(self) -> Compute:
        """The device that networks run on, and the precision of their training."""
        settings = self.settings.device
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        return Compute(device_for(settings.accelerator), settings.precision)

    @cached_property
    def splits(self) -> Splits:
        """The data, divided."""
        data = self.settings.data
        return split(load(self.start.data, data.size, data.limit), data.held_out, seed=self.settings.seed)

    @cached_property
    def stats(self) -> ChannelStats:
        """How images are normalised."""
        named = NAMED_STATS.get(self.settings.data.normalise)
        return named or channel_stats(self.splits.train.images)

    def fresh_static(self) -> nn.Module:
        """The static network with fresh weights, drawn from the seed."""
        channels, *_ = self.splits.train.image_shape
        with self.drawing("weights"):
            return create_model(self.start.model, self.splits.train.num_classes, channels)

    def new_static(self) -> nn.Module:
        """The static network as the run starts with it: with the given weights, if there are any."""
        model = self.fresh_static()
        if self.start.weights is not None:
            self._load(model, Path(self.start.weights))
        return model

    def _load(self, model: nn.Module, weights: Path) -> None:
        num_classes = self.splits.train.num_classes
        head = load_weights(model, weights, num_classes=num_classes)
        if head and not self.settings.static.epochs:
            raise ModelError(
                f"{weights} classifies into another number of classes than the data's {num_classes} "
                f"({', '.join(head)}); to train a new classifier, say for how many epochs: static.epochs=10"
            )

    def trained_static(self, step: str) -> nn.Module:
        """A copy of the static network as a step left it, ``static`` or ``control``; in eval mode."""
        model = self.new_static()
        load_checkpoint(self.finished(f"{step}/{CHECKPOINT}"), model)
        return model.to(self.compute.device).eval()

    @cached_property
    def static(self) -> nn.Module:
        """The trained static network."""
        return self.trained_static("static")

    def captured(self, model: nn.Module) -> Traced:
        """A network of this run's shape, captured."""
        device = self.compute.device
        return trace(model.to(device), torch.zeros(1, *self.splits.train.image_shape, device=device))

    @cached_property
    def static_graph(self) -> ChannelGraph:
        """The captured static network, units in order of importance."""
        images = next(iter(self.plain(self.splits.train)))[0]
        return by_importance(analyse_channels(self.captured(self.static)), self.settings.space.importance, images)

    @cached_property
    def graph(self) -> ChannelGraph:
        """The network that is divided: the static one, with copies of its units if there are to be any."""
        return with_copies(self.static_graph, self.settings.space.copies, self.norm_images[:2])

    def with_weights_of(self, model: nn.Module) -> ChannelGraph:
        """The network that is divided, with the weights of another network of its kind; units keep their order."""
        other = replace(self.static_graph, traced=self.captured(model))
        return with_copies(other, self.settings.space.copies, self.norm_images[:2])

    @cached_property
    def space(self) -> SearchSpace:
        """The plans to choose from."""
        return search_space(self.graph, self.settings.space.num_stages, self.settings.space.min_width)

    @cached_property
    def norm_images(self) -> Tensor:
        """The training images, not augmented, by which plans get their running statistics and are reconstructed."""
        return next(iter(self.plain(self.splits.train, self.settings.search.norm_images)))[0]

    @cached_property
    def reconstruction(self) -> Reconstruction:
        """What fits the static network's weights to plans."""
        weights = static_weights(self.graph, self.settings.space.num_stages)
        return Reconstruction(self.graph, self.norm_images, weights)

    def training(self, batch_size: int) -> "tuple[Callable[[torch.Generator], Iterator[Batch]], int]":
        """One augmented pass over the training split, as a function of a generator, and its number of batches."""
        data = self.splits.train

        def batches(generator: torch.Generator) -> "Iterator[Batch]":
            augmentation = self.settings.augmentation
            return training_batches(data, self.stats, batch_size, augmentation, generator, self.compute.device)

        return batches, num_batches(len(data), batch_size, training=True)

    def plain(self, data: ImageData, batch_size: int = 500) -> "Iterator[Batch]":
        """Every sample of a split once, in order."""
        return plain_batches(data, self.stats, batch_size, self.compute.device)

    def checkpoint(self, step: str) -> Path:
        """Where a training keeps its state."""
        return self.folder / step / CHECKPOINT

    def finished(self, name: str) -> Path:
        """The path of a file that an earlier step wrote. Raises ArtifactError if it is not there."""
        path = self.folder / name
        if not path.exists():
            raise ArtifactError(f"{path} is missing: the step that writes it has not run; 's2dnas resume' runs all")
        return path
