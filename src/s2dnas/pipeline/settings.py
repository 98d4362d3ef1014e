"""The settings of a run: each step's options stand beside what it uses; here they get a name and a default."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from s2dnas.calibration import TARGETS
from s2dnas.config import Section, content_of, validated
from s2dnas.data.augment import Augmentation
from s2dnas.exits import CONFIDENCES
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE
from s2dnas.search.controller import ControllerSettings
from s2dnas.search.registry import STRATEGIES
from s2dnas.search.turns import turn_starts
from s2dnas.space.division import PieceWidth
from s2dnas.space.importance import IMPORTANCES
from s2dnas.training.compute import Precision
from s2dnas.training.loss_weights import LossWeights
from s2dnas.training.recipe import Recipe

StartingWeights = Literal["reconstructed", "static", "shared", "scratch"]
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]


class DataSettings(Section):
    """``size``: images are resized to it; ``limit``: at most so many images of train and of test."""

    size: Positive | None = None
    limit: Positive | None = None
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    normalise: Literal["measured", "imagenet"] = "measured"


class SpaceSettings(Section):
    """How finely a network may be divided; ``importance`` names the measure by which units are sorted.

    ``min_width``: the smallest piece, in channels; "aligned": pieces of 32 channels, or of 16 and less where a coupling
    has too few; None: 4, or aligned ones where the cost is latency.
    ``copies``: the share of units, the most important, that exist a second time, for later stages.
    """

    num_stages: Annotated[int, Field(ge=2)] = 3
    min_width: Positive | Literal["aligned"] | None = None
    importance: Literal[tuple(IMPORTANCES)] = "l1"  # type: ignore[valid-type]
    copies: Annotated[float, Field(ge=0, le=1)] = 0.0


class SearchSettings(Section):
    """``budgets`` that the plan is to serve, and the reward's cost, are shares of the static network's; so are
    ``stage_limits``: what samples that leave at the first, second, .. stage may cost at most; those not named may cost
    anything. The first stage may never exceed the smallest budget.

    A plan is scored with ``weights`` of the "shared" network, which is trained for it; with the static network's, which
    are "reconstructed" for each plan without training; with "none", by its costs alone; or as "predicted" by a
    regression on costs and reconstructed answers, for which ``anchors`` plans are trained by the recipe ``trial``, and
    in each of ``rounds`` as many as are ``promising``.
    The paper's ways: "train" trains each plan by the recipe ``trial`` before it is scored. In an "alternating" search a
    shared network and the strategy's policy take turns, as many as ``shared`` has epochs: an epoch on plans that the
    policy samples, then a share of the ``evaluations``, in whole batches, with these weights, which improve the policy;
    the best plan of the last turn is taken. ``strategy``: None is "reinforce" for these two, else "anchored".
    ``images`` and ``norm_images`` per evaluation.
    ``finalists``: so many of the best plans, apart in what their first stage costs, are trained by the recipe
    ``trial``, half of them for twice as long, and so on, and the best of them is taken; 1: the best one as scored.
    ``workers`` score so many plans at a time: processes of this machine or actors of Ray (``executor``); 1 process is
    this one. ``threads`` of the CPU for each; None: an equal share of those of this process.
    """

    strategy: Literal[tuple(STRATEGIES)] | None = None  # type: ignore[valid-type]
    weights: Literal["reconstructed", "shared", "predicted", "none", "alternating", "train"] = "reconstructed"
    evaluations: Positive = 200
    batch: Positive = 10
    exponent: Annotated[float, Field(le=0)] = -0.07
    budgets: Annotated[tuple[Share, ...], Field(min_length=1)] = (0.5,)
    stage_limits: tuple[Annotated[float, Field(gt=0)], ...] = ()
    resolution: Positive = 100
    images: Positive = 2500
    norm_images: Positive = 512
    anchors: Annotated[int, Field(ge=4)] = 8
    rounds: Positive = 2
    promising: Positive = 4
    finalists: Positive = 1
    trial: Recipe = Recipe(epochs=1, warmup_epochs=0.2)
    executor: Literal["process", "ray"] = "process"
    workers: Positive = 1
    threads: Positive | None = None

    @property
    def chosen_strategy(self) -> str:
        """The strategy by name, whatever it depends on."""
        return self.strategy or ("reinforce" if self.weights in ("alternating", "train") else "anchored")

    @property
    def trains_shared(self) -> bool:
        """Whether there is a shared network, whose weights plans are scored with."""
        return self.weights in ("shared", "alternating")


class ExitSettings(Section):
    """How sure a stage is, and the operating points that thresholds are set for.

    ``confidence`` names the measure; ``predictor`` what is predicted from several of them instead, if anything;
    ``temperature``: probabilities are calibrated per stage; ``surest``: the surest stage so far answers. ``expected``:
    thresholds are compared by the answers that a regression on scores expects, which is less noisy than to count them.
    ``budgets``: shares of the static cost; ``losses``: points of accuracy under static. With certainty 1 - ``delta``:
    ``guarantees``, points of accuracy under static; ``agreements``, shares of samples that are answered as by static.
    """

    confidence: Literal[tuple(CONFIDENCES)] = DEFAULT_CONFIDENCE  # type: ignore[valid-type]
    predictor: Literal[tuple(TARGETS)] | None = None  # type: ignore[valid-type]
    temperature: bool = False
    surest: bool = False
    expected: bool = True
    budgets: tuple[Share, ...] = (0.5, 0.3, 0.4, 0.6)
    losses: tuple[Annotated[float, Field(ge=0)], ...] = (0.5,)
    guarantees: tuple[Annotated[float, Field(gt=0, lt=100)], ...] = ()
    agreements: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    delta: Annotated[float, Field(gt=0, lt=1)] = 0.1


class LatencySettings(Section):
    """``table``: the file of latencies that ``s2dnas profile`` made for this network; the report then shows times.

    ``batch``: of which batch size the latency is the cost, if it is.
    """

    table: str | None = None
    batch: Positive | None = None


class DeviceSettings(Section):
    """Where networks are trained, and in which precision; ``threads`` of the CPU (None: as found)."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Precision = "32-true"
    threads: Positive | None = None


class Settings(Section):
    """All settings of a run.

    ``cost``: what budgets, limits and rewards are about: multiply-adds, or the milliseconds of ``latency``.
    ``static``, ``shared`` and ``train`` are the recipes of the static network (when weights are given: of its
    finetuning), the shared network, if the search needs one, and the chosen one; a recipe without a learning rate gets
    one that suits its start and its length. ``start``: the chosen network starts
    from the static weights, reconstructed for its plan or only cut, from the shared or from fresh ones (scratch).
    ``fade``: over which share of its training the weights that its plan forbids are faded out; 0: they are cut at
    once. ``carry_gradient``: how much of the gradient from its later stages reaches the features of earlier ones.
    ``accumulate_logits``: each stage's logits are added to the later ones'.
    ``control``: train the static network on, too, for as many epochs as the dynamic one got, shared and chosen
    together: what longer training alone brings.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    start: StartingWeights = "reconstructed"
    fade: Annotated[float, Field(ge=0, le=1)] = 0.0
    carry_gradient: Annotated[float, Field(ge=0, le=1)] = 1.0
    accumulate_logits: bool = False
    control: bool = True
    cost: Literal["macs", "latency"] = "macs"
    data: DataSettings = DataSettings()
    augmentation: Augmentation = Augmentation()
    static: Recipe = Recipe(epochs=30)
    shared: Recipe = Recipe(epochs=8)
    train: Recipe = Recipe(epochs=30)
    loss: LossWeights = LossWeights()
    space: SpaceSettings = SpaceSettings()
    search: SearchSettings = SearchSettings()
    controller: ControllerSettings = ControllerSettings()
    exits: ExitSettings = ExitSettings()
    latency: LatencySettings = LatencySettings()
    device: DeviceSettings = DeviceSettings()

    @property
    def min_width(self) -> PieceWidth:
        """The smallest piece, in channels, whatever it depends on."""
        return self.space.min_width or ("aligned" if self.cost == "latency" else 4)

    @property
    def continued(self) -> Recipe:
        """By which a static network is trained on for as many epochs as shared and chosen network together."""
        shared = self.shared.epochs if self.search.trains_shared else 0
        return replace(self.train, epochs=shared + self.train.epochs)

    @property
    def turn_starts(self) -> tuple[int, ...]:
        """The evaluation that each turn of the search begins with."""
        if self.search.weights != "alternating":
            return (0,)
        return turn_starts(self.search.evaluations, self.search.batch, self.shared.epochs)

    @property
    def from_scratch(self) -> Recipe:
        """By which a network with fresh weights is trained for as many epochs as the control in all."""
        return replace(self.static, epochs=self.static.epochs + self.continued.epochs)

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        if self.start == "shared" and not self.search.trains_shared:
            raise ValueError(
                f"start is 'shared', but search.weights is {self.search.weights!r}: no shared network is trained"
            )
        if self.search.weights == "train" and self.search.finalists > 1:
            raise ValueError("search.weights 'train' trains every plan, finalists as well: set search.finalists=1")
        self.turn_starts  # noqa: B018  a turn without a batch is refused
        if self.cost == "latency" and None in (self.latency.table, self.latency.batch):
            raise ValueError(
                "cost is 'latency': name the file that 's2dnas profile' made, and a batch size of it, as in "
                "latency.table=FILE.json latency.batch=1"
            )
        if len(limits := self.search.stage_limits) > (stages := self.space.num_stages):
            raise ValueError(f"search.stage_limits are {limits} for {stages} stages; give one per stage at most")
        alone = (self.search.executor, self.search.workers) == ("process", 1)
        if not alone and self.search.weights not in (shareable := ("reconstructed", "shared")):
            raise ValueError(
                f"search.weights are {self.search.weights!r}: such plans are scored in this process alone; leave "
                f"search.workers and search.executor out, or take weights of {' or '.join(shareable)}"
            )
        if self.start == "reconstructed" and self.fade:
            raise ValueError("fade needs the weights that a plan forbids; start 'reconstructed' has none: set fade=0")
        return self


def load_settings(file: Path | None = None, overrides: Iterable[str] = (), *, given_weights: bool = False) -> Settings:
    """Settings from a TOML file, then ``key=value`` pairs such as ``train.epochs=12`` on top.

    With weights of the static network given, they are used as they are unless ``static.epochs`` is set.
    Raises SettingsError with all faults at once; for an unknown key it offers the nearest one.
    """
    content = content_of(file, overrides)
    static = content.setdefault("static", {})
    if given_weights and isinstance(static, dict):
        static.setdefault("epochs", 0)
    return validated(content, Settings)
