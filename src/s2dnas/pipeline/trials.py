"""Short trainings that settle a search: plans are trained a little, the better half goes on, until one is left."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from s2dnas.artifacts import write_json
from s2dnas.exits import ExitTable
from s2dnas.pipeline.folder import CHECKPOINT, RunFolder
from s2dnas.pipeline.judging import Judge
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import fit_plan
from s2dnas.search.journal import Score
from s2dnas.search.paired import paired_difference
from s2dnas.space.plan import Plan
from s2dnas.training.checkpoint import read_history, training_seconds


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


def trial_seconds(folder: RunFolder) -> float:
    """How long plans were trained for the search, all together."""
    return sum(training_seconds(read_history(path)) for path in folder.path.glob(f"trials/*/{CHECKPOINT}"))
