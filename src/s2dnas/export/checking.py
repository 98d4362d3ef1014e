"""Does a bundle answer as the PyTorch network does? Its stages one after the other, a session, and its single file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from s2dnas.errors import DataError, SettingsError
from s2dnas.exits import ExitRule
from s2dnas.exits.scoring import from_plain
from s2dnas.export.bundle_check import LOGITS_TOLERANCE, AnswerCheck, BundleCheck, Difference
from s2dnas.export.expected_answers import ExpectedAnswers
from s2dnas.network.staged_net import StagedNet
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.engine import Engine, GraphProgram
from s2dnas.runtime.onnxruntime_engine import OnnxruntimeEngine
from s2dnas.runtime.programs import Programs, load_programs
from s2dnas.runtime.session import Session
from s2dnas.values import IMAGE, LABEL, LIMITS, LOGITS, STAGE, logits_name

STAGES, SINGLE = "stages", "single file"


def check_bundle(
    bundle: Bundle,
    network: StagedNet,
    batches: Iterable[Tensor],
    points: Sequence[str] | None = None,
    *,
    engine: Engine | None = None,
    tolerance: float = LOGITS_TOLERANCE,
) -> BundleCheck:
    """Compare a bundle with the network that it was made of, on batches of images (N, C, H, W), float32.

    Its stages run in ``engine``, onnxruntime by default, its single file in onnxruntime; ``points`` are all operating
    points by default, of which the single file can answer those that score as the first one does. The network is in
    eval mode meanwhile. Raises SettingsError for a point that there is not or a network of another number of stages,
    DataError if there are fewer than two images.
    """
    if network.num_stages != len(bundle.manifest.stages):
        raise SettingsError(
            f"the bundle has {len(bundle.manifest.stages)} stages, the network {network.num_stages}; export it again"
        )
    parts = _parts(bundle, engine)
    rules = {name: _rule(bundle, name) for name in points or bundle.manifest.points}
    found = Findings(network.num_stages)
    training = network.training
    network.eval()
    try:
        for images in batches:
            if len(images):
                _compare(parts, rules, images, _logits(network, images), found)
    finally:
        network.train(training)
    if found.images < 2:
        raise DataError("a bundle is checked on at least two images, which must make a difference; give more of them")
    return found.concluded(tolerance, single=parts.single is not None)


@dataclass(frozen=True, eq=False)
class _Parts:
    """A bundle, loaded: stages, a session of them, and the single file with the points that it can answer."""

    programs: Programs
    session: Session
    single: GraphProgram | None
    by_single: frozenset[str]


def _parts(bundle: Bundle, engine: Engine | None) -> _Parts:
    file = bundle.manifest.single
    scoring = bundle.point().scoring
    return _Parts(
        load_programs(bundle, engine),
        Session(bundle, engine=engine),
        None if file is None else OnnxruntimeEngine().load(bundle.graph(file)),
        frozenset(name for name, point in bundle.manifest.points.items() if point.scoring == scoring),
    )


def _rule(bundle: Bundle, name: str) -> ExitRule:
    point = bundle.point(name)
    return ExitRule(from_plain(bundle.manifest.scorings[point.scoring]), point.thresholds)


def _logits(network: StagedNet, images: Tensor) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        return np.asarray(network(images).cpu().numpy())


@dataclass(eq=False)
class Findings:
    """What batches have shown so far."""

    num_stages: int
    images: int = 0
    differences: dict[tuple[str, str], list[Difference]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lowest, self.highest = [np.array(np.inf)] * self.num_stages, [np.array(-np.inf)] * self.num_stages
        self.worst = {part: np.zeros(self.num_stages) for part in (STAGES, SINGLE)}

    def logits(self, part: str, stage: int, found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> None:
        """Rows (N, K) of a stage's logits."""
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        with np.errstate(invalid="ignore"):
            apart = np.where(same, 0.0, np.abs(found.astype(np.float64) - expected))
        worst = np.nan_to_num(apart, nan=np.inf).max(initial=0.0)
        self.worst[part][stage] = max(self.worst[part][stage], worst)

    def seen(self, stage: int, expected: npt.NDArray[Any]) -> None:
        """Rows (N, K) of a stage's logits in PyTorch: classes apart, since some are always more likely than others."""
        finite = expected[np.isfinite(expected).all(axis=1)]
        self.lowest[stage] = np.vstack([finite, np.broadcast_to(self.lowest[stage], finite.shape[1:])]).min(axis=0)
        self.highest[stage] = np.vstack([finite, np.broadcast_to(self.highest[stage], finite.shape[1:])]).max(axis=0)

    def concluded(self, tolerance: float, *, single: bool) -> BundleCheck:
        """All in all."""
        spread = np.array([(high - low).max() for low, high in zip(self.lowest, self.highest, strict=True)])
        spread[~(spread > 0)] = np.nan
        errors = {part: tuple(np.nan_to_num(worst / spread, nan=np.inf).tolist()) for part, worst in self.worst.items()}
        answers = tuple(AnswerCheck(*key, tuple(found)) for key, found in self.differences.items())
        return BundleCheck(self.images, errors[STAGES], max(errors[SINGLE]) if single else None, answers, tolerance)


def _compare(
    parts: _Parts, rules: Mapping[str, ExitRule], images: Tensor, logits: npt.NDArray[np.float32], found: Findings
) -> None:
    pixels = np.ascontiguousarray(images.cpu().numpy())
    for stage, given in enumerate(_run_stages(parts.programs, pixels)):
        found.logits(STAGES, stage, given, logits[stage])
        found.seen(stage, logits[stage])
    for name, rule in rules.items():
        expected = ExpectedAnswers(logits, rule)
        answers = parts.session(pixels, name)
        differences = found.differences.setdefault((STAGES, name), [])
        differences.extend(expected.differences(answers.stages, answers.labels, found.images))
        if parts.single is not None and name in parts.by_single:
            single = _run_single(parts.single, pixels, rule)
            for stage in range(found.num_stages):
                rows = single[STAGE] == stage
                found.logits(SINGLE, stage, single[LOGITS][rows], logits[stage][rows])
            differences = found.differences.setdefault((SINGLE, name), [])
            differences.extend(expected.differences(single[STAGE], single[LABEL], found.images))
    found.images += len(pixels)


def _run_stages(programs: Programs, images: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """The logits (N, K) of stage after stage, each on all images."""
    given = programs.run_all(images)
    yield from (given[logits_name(index)] for index in range(len(programs.stages)))


def _run_single(program: GraphProgram, images: npt.NDArray[Any], rule: ExitRule) -> dict[str, npt.NDArray[Any]]:
    return program.run({IMAGE: images, LIMITS: np.array(rule.thresholds, dtype=np.float64)})
