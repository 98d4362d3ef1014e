"""Check a bundle against the saved network that it was made of, on test images where there is a run, else on noise."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.export.bundle_check import BundleCheck
from s2dnas.export.checking import check_bundle
from s2dnas.pipeline.opening import open_run
from s2dnas.runtime import Bundle
from s2dnas.saving.loading import load
from s2dnas.staged.build import MultiStageNet

_BATCH = 100


def verify_bundle(folder: Path, network: Path | None, images: int, seed: int) -> tuple[str, BundleCheck]:
    """What the images were, and what was found on so many of them.

    ``network`` is the saved network, by default that in ``network`` beside the bundle; where it is that of a run, the
    images are of the run's test split. Raises ArtifactError if there is none, or the bundle is of another network, and
    SettingsError for an int8 bundle, which answers otherwise than the network by design.
    """
    bundle = Bundle.opened(folder)
    if bundle.manifest.precision == "int8":
        raise SettingsError(
            f"{folder} is an int8 bundle: its logits differ from the network's by what 8 bits cost; verify the float32 "
            "bundle that it was made of; 's2dnas export --int8' tells how int8 answers beside float32"
        )
    place = folder.parent / "network" if network is None else network
    found, _ = load(place)
    if found.info.fingerprint != bundle.manifest.fingerprint:
        raise ArtifactError(f"{folder} was not made of the network in {place}; give the one that it was made of")
    run = place.parent
    if (run / "run.json").exists():
        source, batches = "test images", _of_run(run, images)
    else:
        source, batches = "images of noise, since there is no run beside the network", _noise(found, images, seed)
    return source, check_bundle(bundle, found, batches)


def _of_run(folder: Path, count: int) -> Iterator[Tensor]:
    feed = open_run(folder, None).feed
    data = feed.splits.test
    for images, _ in feed.plain(data.subset(torch.arange(min(count, len(data)))), _BATCH):
        yield images.cpu().contiguous()


def _noise(network: MultiStageNet, count: int, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, count, _BATCH):
        yield torch.randn(min(_BATCH, count - start), *network.info.image_shape, generator=generator)
