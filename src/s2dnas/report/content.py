"""The complete content of a report: exactly what ``report.json`` holds, and nothing that can be computed from it.

Accuracies and shares in [0, 1], macs per sample.
"""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue, model_validator

from s2dnas.artifacts import read_record, write_json
from s2dnas.records import Record

Fraction = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class StaticResult(Record):
    """The static network on the test split; epochs and seconds of its training where they are known."""

    accuracy: Fraction
    calibrate_accuracy: Fraction | None = None
    given_weights: bool = False
    macs: Annotated[int, Field(gt=0)]
    params: Count
    seconds: Amount | None = None
    epochs: Count | None = None


class ControlResult(Record):
    """The static network on the test split, trained ``epochs`` epochs more: as many as the dynamic one got."""

    accuracy: Fraction
    epochs: Count
    seconds: Amount | None = None


class StageResult(Record):
    """One stage answering every sample of the test split; macs and params are cumulative."""

    accuracy: Fraction
    macs: Count
    params: Count


class PointResult(Record):
    """One operating point on the test split; per stage (S,): exit shares, and accuracies (None where no sample leaves).

    ``agreement``: the share of samples that are answered as by the static network, where that is known.
    """

    target: str
    accuracy: Fraction
    mean_macs: Amount
    exit_share: tuple[Fraction, ...]
    exit_accuracy: tuple[Fraction | None, ...]
    thresholds: tuple[float, ...]
    agreement: Fraction | None = None
    calibrate_accuracy: Fraction
    calibrate_macs: Amount


class Unreached(Record):
    """A target that no thresholds reach."""

    target: str
    reason: str


class CurvePoint(Record):
    """One setting of the thresholds on the test split."""

    mean_macs: Amount
    accuracy: Fraction


class Preference(Record):
    """How the best tenth of the scored plans divide a coupling: where each stage but the last ends, in [0, 1].

    ``middle``: the mean over these plans, ``spread``: their standard deviation, ``chosen``: in the plan that was taken.
    """

    coupling: str
    middle: tuple[Fraction, ...]
    spread: tuple[Amount, ...]
    chosen: tuple[Fraction, ...]


class SearchRecord(Record):
    """What the search did; rewards, accuracies and costs, in ``unit``, are per evaluation, in order.

    ``seconds`` in all, including those of training a shared network and single plans. ``turn_starts``: the evaluation
    that each turn begins with; rewards of different turns are of different weights.
    ``proposed`` plans were drawn, ``feasible`` of them kept the limits. ``uniform_gain``: by how much more of the
    search split the chosen plan answered rightly than the best uniform one, when both were scored, with its standard
    error; None if there was none to compare with, or the chosen plan is uniform itself.
    """

    evaluations: Count
    seconds: Amount
    shared_seconds: Amount = 0.0
    trial_seconds: Amount = 0.0
    strategy: str
    rewards: tuple[float, ...] = ()
    accuracies: tuple[Fraction, ...] = ()
    costs: tuple[Amount, ...] = ()
    unit: str = "macs"
    turn_starts: tuple[Count, ...] = (0,)
    trained_all: bool = False
    proposed: Count | None = None
    feasible: Count | None = None
    chosen_is_uniform: bool = False
    uniform_gain: float | None = None
    uniform_error: Amount | None = None
    preferences: tuple[Preference, ...] = ()


class EpochResult(Record):
    """One epoch of training the dynamic network."""

    epoch: Count
    loss: float
    seconds: Amount | None = None
    images_per_second: Amount | None = None
    stage_accuracy: tuple[Fraction, ...] | None = None


class TrainingRecord(Record):
    """The training of the dynamic network: the epoch whose weights are kept, 0 for the start, whose stages' accuracies
    (S,) are on the search split, as those of the history are.
    """

    epochs: Count
    seconds: Amount
    learning_rate: Amount | None = None
    kept_epoch: Count | None = None
    start_accuracy: tuple[Fraction, ...] | None = None
    history: tuple[EpochResult, ...] = ()


class CouplingRecord(Record):
    """One coupling: its layers (names or how many), units per stage (S,), and channels in all."""

    name: str
    layers: Count | tuple[str, ...]
    widths: tuple[Count, ...]
    channels: Count


class PlanRecord(Record):
    """The plan; indicators as in ``space.Plan``: S (S - 1) / 2 flags per mixing layer."""

    num_stages: Annotated[int, Field(gt=0)]
    couplings: tuple[CouplingRecord, ...]
    indicators: dict[str, tuple[bool, ...]]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        pairs = self.num_stages * (self.num_stages - 1) // 2
        _require_lengths("widths", self.num_stages, {part.name: part.widths for part in self.couplings})
        _require_lengths("indicators", pairs, self.indicators)
        return self


class StageTimes(Record):
    """Milliseconds per sample in batches of one size: of the static network, and up to each stage (S,)."""

    batch: Annotated[int, Field(gt=0)]
    static: Amount
    stages: tuple[Amount, ...]


class LatencyRecord(Record):
    """Measured times, in an engine on a processor, one ``StageTimes`` per size of the batch."""

    engine: str
    processor: str
    threads: Annotated[int, Field(gt=0)]
    times: tuple[StageTimes, ...]


class WholeModule(Record):
    """Something that could not be divided, and why; ``line`` of the network's code where it is known."""

    module: str
    operator: str
    reason: str
    line: str = ""


class ReportContent(Record):
    """Everything that a report shows."""

    model: str
    data: str
    command: str
    seed: int
    static: StaticResult
    static_control: ControlResult | None = None
    stages: Annotated[tuple[StageResult, ...], Field(min_length=1)]
    operating_points: tuple[PointResult, ...] = ()
    unreached: tuple[Unreached, ...] = ()
    warnings: tuple[str, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    search: SearchRecord | None = None
    training: TrainingRecord | None = None
    latency: LatencyRecord | None = None
    plan: PlanRecord
    seconds: dict[str, Amount] = Field(default_factory=dict)
    whole: tuple[WholeModule, ...] = ()
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    hardware: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        num_stages = len(self.stages)
        _require_lengths("exit_share", num_stages, {point.target: point.exit_share for point in self.operating_points})
        _require_lengths(
            "exit_accuracy", num_stages, {point.target: point.exit_accuracy for point in self.operating_points}
        )
        if self.latency:
            _require_lengths("times", num_stages, {f"batch {each.batch}": each.stages for each in self.latency.times})
        if self.plan.num_stages != num_stages:
            raise ValueError(f"the plan has {self.plan.num_stages} stages, the results {num_stages}")
        return self

    def save(self, path: Path) -> None:
        """Write ``report.json``."""
        write_json(path, "report", self.model_dump(mode="json"))

    @staticmethod
    def load(path: Path) -> "ReportContent":
        """Read what ``save`` wrote. Raises ArtifactError if it is missing, damaged or not a report."""
        return read_record(path, "report", ReportContent, "a report", "repeat the step that wrote it")


def _require_lengths(what: str, length: int, named: dict[str, Any]) -> None:
    for name, values in named.items():
        if len(values) != length:
            raise ValueError(f"{what} of {name!r} has {len(values)} entries instead of {length}")
