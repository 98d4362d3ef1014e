"""What the manifest of a bundle says: graphs, the values that they exchange, and the operating points."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from s2dnas.records import Record
from s2dnas.values import IMAGE, label_name, logits_name, needed_later, score_name

MANIFEST_FILE = "manifest.json"
BUNDLE = "bundle"

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\.onnx$")]
_Size = Annotated[int, Field(ge=1)]
_Macs = Annotated[float, Field(ge=0)]
_Threshold = Annotated[float, Field(ge=0)]


class GraphFile(Record):
    """An ONNX file beside the manifest. ``macs`` is what an image costs that leaves after it, all stages included.

    ``milliseconds`` per batch, by engine and size of the batch, are those of this file alone, on the machine of the
    export and one thread; they are empty where nothing was measured.
    """

    file: _FileName
    sha256: _Digest
    macs: _Macs
    milliseconds: dict[str, dict[int, float]] = Field(default_factory=dict)


class StageFile(GraphFile):
    """A stage. ``takes`` are the values of earlier stages that it reads, ``gives`` the features that later ones read.

    It also gives its logits, and for each scoring scores and labels, by the names of ``values``.
    """

    reads_image: bool
    takes: tuple[str, ...]
    gives: tuple[str, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """All that its graph takes."""
        return ((IMAGE,) if self.reads_image else ()) + self.takes


class ValueRecord(Record):
    """What one sample's part of an exchanged value is; quantised ones are (stored - zero_point) * scale."""

    shape: tuple[_Size, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


class PointRecord(Record):
    """An operating point: which scoring, counted from 0, and S - 1 thresholds."""

    scoring: Annotated[int, Field(ge=0)]
    thresholds: tuple[_Threshold, ...]


class Manifest(Record):
    """The whole document. ``scorings`` are as ``exits.scoring.to_plain`` writes them; images are (N, C, H, W).

    ``single`` is the same network as one file, ``static`` the network that was divided, where it was known.
    """

    versions: dict[str, str]
    opset: int
    precision: Literal["float32", "int8"]
    image_shape: tuple[_Size, _Size, _Size]
    image_dtype: Literal["float32"]
    layout: Literal["NCHW"]
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None
    num_classes: _Size
    class_names: tuple[str, ...]
    fingerprint: str
    static_macs: _Macs
    stages: Annotated[tuple[StageFile, ...], Field(min_length=1)]
    single: GraphFile | None
    static: GraphFile | None
    values: dict[str, ValueRecord]
    scorings: Annotated[tuple[str | dict[str, Any], ...], Field(min_length=1)]
    points: Annotated[dict[str, PointRecord], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits_together(self) -> "Manifest":
        known: set[str] = set()
        for index, stage in enumerate(self.stages):
            if unknown := sorted(set(stage.takes) - known):
                raise ValueError(f"stage {index + 1} takes {unknown[0]!r}, which no earlier stage gives")
            known |= {*stage.gives, logits_name(index)}
        if missing := sorted({name for stage in self.stages for name in stage.takes} - self.values.keys()):
            raise ValueError(f"the values do not say what {missing[0]!r} is")
        for name, point in self.points.items():
            if point.scoring >= len(self.scorings) or len(point.thresholds) != len(self.stages) - 1:
                raise ValueError(f"operating point {name!r} does not fit {len(self.stages)} stages")
        return self

    def answers(self, index: int) -> tuple[str, ...]:
        """The names of what stage ``index``, from 0, gives to whoever asked: its logits, scores and labels."""
        scorings = range(len(self.scorings))
        return logits_name(index), *(name(index, each) for each in scorings for name in (score_name, label_name))

    def needed_after(self, index: int) -> tuple[str, ...]:
        """What is known once stage ``index``, from 0, has run, and some later stage takes, the image included."""
        known = [(IMAGE, logits_name(number), *stage.gives) for number, stage in enumerate(self.stages)]
        return needed_later([stage.inputs for stage in self.stages], known)[index]

    @property
    def files(self) -> tuple[GraphFile, ...]:
        """All files beside the manifest."""
        return (*self.stages, *(file for file in (self.single, self.static) if file is not None))
