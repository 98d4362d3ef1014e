"""What evaluators are worth: plans are trained alone, and every evaluator says beforehand how they rank."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from s2dnas.arrays import FloatArray
from s2dnas.artifacts import write_json
from s2dnas.exits import ExitTable
from s2dnas.pipeline.judging import Judge
from s2dnas.pipeline.predicted import PlanFeatures, anchors
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import fit_plan
from s2dnas.pipeline.trials import Trials
from s2dnas.records import Record
from s2dnas.search.agreement import agreement
from s2dnas.search.evaluators import answers_of
from s2dnas.search.ladder import Ladder
from s2dnas.search.surrogate import fitted
from s2dnas.space.costs import Cost
from s2dnas.space.plan import Plan
from s2dnas.training.checkpoint import read_history, training_seconds

_REPEATS = 2
"""How often each plan is trained: how well these agree is the most that an evaluator can reach."""


class EvaluatorRank(Record):
    """How an evaluator ranks the plans: Kendall's tau with 95 % of its bootstrap draws, and what it costs."""

    name: str
    tau: float
    low: float
    high: float
    seconds_per_plan: float


class Ranks(Record):
    """All evaluators on the same plans; ``values`` and ``truth`` (repeats, N) hold the numbers that were ranked."""

    plans: tuple[str, ...]
    epochs: int
    evaluators: tuple[EvaluatorRank, ...]
    values: dict[str, tuple[float, ...]]
    truth: tuple[tuple[float, ...], ...]


def rank_evaluators(run: Run, count: int) -> Ranks:
    """Train ``count`` plans alone, by the recipe ``train``, twice, and rank them by every evaluator that needs no
    shared network. What is finished is only read; ``rank`` in the run's folder keeps all of it.

    The plans keep the limits and cost as different amounts as possible. Each is worth the reward of what it answers on
    the calibration split, which no evaluator sees, as the mean of both trainings; ``ceiling`` compares these two.
    """
    judge = Judge(run)
    plans = anchors(run.limits, count, run.seeds.of("rank"))
    found = dict(_values(run, judge, plans))
    truth = np.array([[_trained(run, judge, plan, repeat) for plan in plans] for repeat in range(1, _REPEATS + 1)])
    each = training_seconds([record for plan in plans for record in read_history(_checkpoint(run, plan, 1))]) / count
    ranks = [_rank(name, values, truth.mean(0), seconds) for name, (values, seconds) in found.items()]
    ranks.append(_rank("ceiling", truth[0], truth[1], each))
    result = Ranks(
        plans=tuple(plan.key for plan in plans),
        epochs=run.settings.train.epochs,
        evaluators=tuple(ranks),
        values={name: tuple(values.tolist()) for name, (values, _) in found.items()},
        truth=tuple(tuple(row) for row in truth.tolist()),
    )
    write_json(run.folder.path / "rank" / "rank.json", "rank", result.model_dump(mode="json"))
    return result


def _values(run: Run, judge: Judge, plans: list[Plan]) -> Iterator[tuple[str, tuple[FloatArray, float]]]:
    """What each evaluator says of the plans, (N,), and how many seconds it takes for one."""
    cost, trials = run.pricing.cost, Trials(run, judge)
    yield "macs", _timed(lambda plan: float(np.log(cost.shares(plan)).mean()), plans)
    for stage in range(run.study.settings.num_stages):
        yield f"{cost.unit} of stage {stage + 1}", _timed(partial(_share, cost, stage), plans)
    ladder, untrained = Ladder(run.limits), judge.evaluator(run.networks.reconstructed)
    yield "none", _timed(lambda plan: ladder(plan).reward, plans)
    yield "reconstructed", _timed(lambda plan: untrained(plan).reward, plans)
    tried, _ = _timed(lambda plan: trials.score(plan).reward, plans)
    seconds = np.mean([training_seconds(read_history(run.folder.trained(f"trials/{p.key}"))) for p in plans])
    yield "trial", (tried, float(seconds))
    features, spent = _timed(PlanFeatures(judge), plans)
    # Two plans of three are predicted from a third of them, which are trained.
    yield "predicted", (_predicted(features, tried), spent + float(seconds) / 3)


def _timed(say: Callable[[Plan], float | FloatArray], plans: list[Plan]) -> tuple[FloatArray, float]:
    """What is said of the plans, (N, ..), and the seconds that it takes for one."""
    start = time.perf_counter()
    values = np.array([say(plan) for plan in plans])
    return values, (time.perf_counter() - start) / len(plans)


def _predicted(features: FloatArray, values: FloatArray) -> FloatArray:
    """Each value (N,) as the other thirds predict it, on average."""
    thirds = np.arange(len(values)) % 3
    found = np.zeros((3, len(values)))
    for third in range(3):
        known = thirds == third
        found[third] = np.where(known, np.nan, fitted(features[known], values[known].tolist())(features)[0])
    return np.asarray(np.nanmean(found, axis=0))


def _trained(run: Run, judge: Judge, plan: Plan, repeat: int) -> float:
    """The reward of a plan on the calibration split after a training of its own."""
    path = _checkpoint(run, plan, repeat).with_name("calibrate.npz")
    if not path.exists():
        net = run.networks.starting(plan, run.settings.start)
        fit_plan(run, f"rank/{plan.key}/{repeat}", net, run.settings.train)
        batches = run.feed.plain(run.feed.splits.calibrate)
        answer = answers_of(lambda _: run.networks.built(net), batches, judge.objective.confidence, run.pricing.cost)
        answer(plan).save(path)
    return judge.score(ExitTable.load(path)).reward


def _share(cost: Cost, stage: int, plan: Plan) -> float:
    return float(cost.shares(plan)[stage])


def _checkpoint(run: Run, plan: Plan, repeat: int) -> Path:
    return run.folder.checkpoint(f"rank/{plan.key}/{repeat}")


def _rank(name: str, values: FloatArray, truth: FloatArray, seconds: float) -> EvaluatorRank:
    return EvaluatorRank(name=name, seconds_per_plan=seconds, **asdict(agreement(values, truth)))
