"""Short trainings that settle a search: plans are trained a little, the better half goes on, until one is left."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from s2dnas.artifacts import read_json, write_json
from s2dnas.exits import ExitTable
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.judging import Judge
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import fit_plan
from s2dnas.search.executors import PlanExecutor, TimedScore, timed
from s2dnas.search.journal import Score
from s2dnas.search.paired import paired_difference
from s2dnas.space.plan import Plan
from s2dnas.training.checkpoint import read_history, training_seconds

_SPENT = "spent.json"
"""How long a trial took whose weights are not kept."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Trainings of single plans in ``trials`` of the run's folder, each to be gone on with; their answers are kept."""

    run: Run
    judge: Judge

    def table(self, plan: Plan, epochs: int) -> ExitTable:
        """What a plan answers on the search split after so many epochs, with weights and optimizer of fewer ones."""
        path = self.run.folder.path / "trials" / plan.key / f"answers-{epochs}.npz"
        if not path.exists():
            net = self.run.networks.starting(plan, self.run.settings.start)
            fit_plan(self.run, f"trials/{plan.key}", net, replace(self.run.settings.search.trial, epochs=epochs))
            self.judge.answers(lambda _: self.run.networks.built(net))(plan).save(path)
        return ExitTable.load(path)

    def score(self, plan: Plan) -> Score:
        """The score of a plan after the first of its trainings."""
        return self.judge.score(self.table(plan, self.run.settings.search.trial.epochs))

    def forget_weights_but_of(self, plan: Plan) -> None:
        """Keep answers and time alone of all other plans: hundreds of checkpoints would fill a disk."""
        folder = self.run.folder
        for step in _steps(folder):
            if step != f"trials/{plan.key}" and (path := folder.checkpoint(step)).exists():
                write_json(folder.path / step / _SPENT, "trial", {"seconds": _seconds(folder, step)})
                path.unlink()

    def best(self, plans: Sequence[Plan]) -> Plan:
        """The winner by successive halving: half of the plans train on, for twice as many epochs, while more than two
        are left. Of the last ones, the cheapest that is not separated from the best. trials.json tells how they did.
        """
        epochs, left, found = self.run.settings.search.trial.epochs, list(plans), []
        while True:
            tables = {plan: self.table(plan, epochs) for plan in left}
            scores = {plan: self.judge.score(table) for plan, table in tables.items()}
            found += [{"plan": plan.to_dict(), "epochs": epochs, **asdict(scores[plan])} for plan in left]
            left = sorted(left, key=lambda plan: -scores[plan].reward)
            if len(left) <= 2:
                break
            left, epochs = left[: (len(left) + 1) // 2], 2 * max(1, epochs)
        winner = self._cheapest_of_equals(left, tables)
        write_json(self.run.folder.path / "trials.json", "trials", {"trials": found, "winner": winner.to_dict()})
        return winner

    def _cheapest_of_equals(self, plans: Sequence[Plan], tables: dict[Plan, ExitTable]) -> Plan:
        """``plans`` come in order, the best first."""
        right = {plan: self.judge.objective.right(tables[plan]) for plan in plans}
        first, *others = plans
        equals = [plan for plan in others if not paired_difference(right[first], right[plan]).separated]
        return min([first, *equals], key=lambda plan: self.judge.score(tables[plan]).mean_cost or 0.0)


class EachTrained(PlanExecutor):
    """Each plan is trained, in this process, before it is scored; that is not counted as scoring.

    Of earlier trials only answers and time are kept.
    """

    def __init__(self, trials: Trials) -> None:
        self._trials = trials

    def map(self, plans: Sequence[Plan]) -> Iterator[TimedScore]:
        """See ``PlanExecutor``."""
        return (self._scored(plan) for plan in plans)

    def _scored(self, plan: Plan) -> TimedScore:
        self._trials.forget_weights_but_of(plan)
        self._trials.table(plan, self._trials.run.settings.search.trial.epochs)
        return timed(self._trials.score, plan)


def trial_seconds(folder: RunFolder) -> float:
    """How long plans were trained for the search, all together."""
    return sum(_seconds(folder, step) for step in _steps(folder))


def _steps(folder: RunFolder) -> list[str]:
    """The steps of all trials that have begun."""
    return sorted(f"trials/{path.name}" for path in folder.path.glob("trials/*"))


def _seconds(folder: RunFolder, step: str) -> float:
    """How long a trial took, as far as it was trained."""
    if (path := folder.checkpoint(step)).exists():
        return training_seconds(read_history(path))
    spent = folder.path / step / _SPENT
    return float(read_json(spent, "trial")["seconds"]) if spent.exists() else 0.0
