"""Answer image files with a saved network, stage by stage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from s2dnas.cli.file_answer import FileAnswer
from s2dnas.data.decode import decode_for
from s2dnas.data.normalise import ChannelStats, normalise
from s2dnas.errors import SettingsError, nearest
from s2dnas.exits import ExitRule
from s2dnas.saving.fitting import image_dtype
from s2dnas.saving.loading import load
from s2dnas.staged.build import MultiStageNet


@dataclass(frozen=True, eq=False)
class Answering:
    """A saved network at one of its operating points, and how it takes images."""

    network: MultiStageNet
    point: str
    rule: ExitRule
    stats: ChannelStats

    @staticmethod
    def opened(folder: Path, point: str | None) -> "Answering":
        """A saved network at an operating point, by default its first.

        Raises SettingsError if there is no such point, or nobody has said how images are normalised; ArtifactError and
        ModelError as ``load`` does.
        """
        network, rules = load(folder)
        if not rules:
            raise SettingsError(f"{folder} holds no exit rule; save the network with one")
        name = next(iter(rules)) if point is None else point
        if name not in rules:
            raise SettingsError(f"{folder} has no operating point {name!r}{nearest(name, rules)}")
        if network.info.normalisation is None:
            raise SettingsError(
                f"{folder} does not say how images are normalised; save the network with normalisation=(mean, std)"
            )
        return Answering(network, name, rules[name], ChannelStats(*network.info.normalisation))

    def answer(self, files: Sequence[Path], batch: int) -> Iterator[FileAnswer]:
        """The answer for each file, in order, ``batch`` of them at once. Raises DataError if one cannot be read."""
        names = self.network.info.class_names
        for start in range(0, len(files), batch):
            some = files[start : start + batch]
            found = self.network.predict(self._images(some), self.rule)
            parts = (found.labels.tolist(), found.scores.tolist(), found.stages.tolist())
            for file, label, score, stage in zip(some, *parts, strict=True):
                yield FileAnswer(str(file), label, names[label] if names else str(label), score, stage + 1)

    def _images(self, files: Sequence[Path]) -> Tensor:
        pixels = decode_for(map(_encoded, files), self.network.info.image_shape)
        images = normalise(pixels.float() / 255, self.stats).to(image_dtype(self.network.stages))
        return images.contiguous(memory_format=torch.channels_last)


def _encoded(file: Path) -> Mapping[str, str]:
    return {"path": str(file)}
