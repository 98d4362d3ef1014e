"""The table of latencies: how long each kind of layer takes on a machine, by widths, and what comes on top."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from s2dnas.artifacts import read_record, write_json
from s2dnas.errors import SettingsError
from s2dnas.profile.grid import STRETCH, along_inputs, along_outputs, is_rising
from s2dnas.profile.kernel import Kernel
from s2dnas.profile.work import StageWork
from s2dnas.records import Record

_KIND = "latency_table"
_Positive = Annotated[float, Field(gt=0)]
_Amount = Annotated[float, Field(ge=0)]


class LayerTimes(Record):
    """Milliseconds of a layer for one batch of ``batch`` samples, by widths: (I, O) for ``inputs`` and ``outputs``.

    Of a grouped layer the inputs follow from the outputs: there is one row, and ``inputs`` is (0,).
    """

    kernel: Kernel
    batch: Annotated[int, Field(gt=0)]
    inputs: tuple[Annotated[int, Field(ge=0)], ...]
    outputs: tuple[Annotated[int, Field(gt=0)], ...]
    milliseconds: tuple[tuple[_Positive, ...], ...]

    @model_validator(mode="after")
    def _fits_together(self) -> "LayerTimes":
        if not (is_rising(self.outputs) and (self.inputs == (0,) or is_rising(self.inputs))):
            raise ValueError(f"widths of {self.kernel} must rise: {self.inputs}, {self.outputs}")
        if [len(row) for row in self.milliseconds] != [len(self.outputs)] * len(self.inputs):
            raise ValueError(f"times of {self.kernel} must be one per width")
        return self

    def at(self, inputs: int, outputs: int) -> float:
        """Milliseconds at any widths up to ``STRETCH`` times the widest ones. Raises SettingsError beyond them."""
        grouped = self.inputs == (0,)
        if outputs > STRETCH * self.outputs[-1] or (not grouped and inputs > STRETCH * self.inputs[-1]):
            raise SettingsError(
                f"the latency table ends at {self.inputs[-1]} to {self.outputs[-1]} channels for {self.kernel}, this "
                f"network has {inputs} to {outputs}; profile this network"
            )
        rows = [along_outputs(self.outputs, list(row), outputs) for row in self.milliseconds]
        return along_inputs(self.inputs, rows, inputs)


class Surcharges(Record):
    """What stages take, for one batch of ``batch`` samples, beside their layers as they were timed alone.

    ``layers``: by which factor these take longer, or, since a lone layer has to fetch its weights, shorter.
    Milliseconds per million elements ``joined``, ``reordered`` and ``touched`` (as ``StageWork`` counts them), per
    ``call`` and per ``stage``; and ``fetched``, per million weights that a cache of ``cache`` million does not keep.
    """

    batch: Annotated[int, Field(gt=0)]
    layers: _Positive
    joined: _Amount
    reordered: _Amount
    touched: _Amount
    call: _Amount
    stage: _Amount
    fetched: _Amount
    cache: _Amount

    def on(self, stages: Sequence[StageWork], alone: Sequence[float]) -> list[float]:
        """Milliseconds of the stages of a plan, (S,), done in turn, whose layers take ``alone`` (S,)."""
        causes = surcharge_causes(self.batch, self.cache, stages, alone)
        prices = [self.layers, self.joined, self.reordered, self.touched, self.call, self.stage, self.fetched]
        return [float(np.dot(row, prices)) for row in causes]


def surcharge_causes(
    batch: int, cache: float, stages: Sequence[StageWork], alone: Sequence[float]
) -> list[list[float]]:
    """(S, 7): what the surcharges of a plan's stages are multiplied by, in the order of ``Surcharges``."""
    weights = sum(work.weights for work in stages) / 1e6
    missing = float(np.clip(2 * (weights / max(cache, 1e-9) - 1), 0, 1))
    return [
        [
            layers,
            *(batch * elements / 1e6 for elements in (work.joined, work.reordered, work.touched)),
            float(work.calls),
            1.0,
            missing * work.weights / 1e6,
        ]
        for work, layers in zip(stages, alone, strict=True)
    ]


class LatencyTable(Record):
    """How long layers take in an engine on a machine, on ``threads`` threads.

    ``surcharges``: per batch size that was profiled. ``processor`` and ``versions`` say what times belong to.
    """

    engine: str
    threads: Annotated[int, Field(gt=0)]
    processor: str
    versions: dict[str, str]
    layers: Annotated[tuple[LayerTimes, ...], Field(min_length=1)]
    surcharges: Annotated[tuple[Surcharges, ...], Field(min_length=1)]

    @property
    def batches(self) -> tuple[int, ...]:
        """The batch sizes that were profiled."""
        return tuple(each.batch for each in self.surcharges)

    @cached_property
    def _times(self) -> Mapping[tuple[Kernel, int], LayerTimes]:
        return {(each.kernel, each.batch): each for each in self.layers}

    def layer(self, kernel: Kernel, inputs: int, outputs: int, batch: int) -> float:
        """Milliseconds of a layer alone for a batch. Raises SettingsError if its kind was not timed."""
        if (times := self._times.get((kernel, batch))) is None:
            raise SettingsError(
                f"the latency table has no {kernel} at batch {batch}: it was made for another network, image size or "
                f"batch (its batches: {', '.join(map(str, self.batches))}); run 's2dnas profile' for this network"
            )
        return times.at(inputs, outputs)

    def stages(self, stages: Sequence[StageWork], batch: int) -> list[float]:
        """Milliseconds of a batch in each stage of a plan, (S,). Raises SettingsError as ``layer`` does."""
        surcharges = next((each for each in self.surcharges if each.batch == batch), None)
        if surcharges is None:
            raise SettingsError(f"batch {batch} was not profiled, only {', '.join(map(str, self.batches))}")
        return surcharges.on(stages, [sum(self.layer(*layer, batch) for layer in work.layers) for work in stages])

    def save(self, path: Path) -> None:
        """Write the table as JSON."""
        write_json(path, _KIND, self.model_dump(mode="json"))

    @staticmethod
    def load(path: Path) -> "LatencyTable":
        """Read a table that ``save`` wrote. Raises ArtifactError if it is missing, damaged or of another kind."""
        return read_record(path, _KIND, LatencyTable, "a latency table", "run 's2dnas profile' again")
