"""Search a plan."""

import logging
from collections.abc import Callable, Mapping

from s2dnas.pipeline.candidates import candidate_weights, without_turns
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.judging import Judge
from s2dnas.pipeline.predicted import search_by_prediction
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.trials import EachTrained, Trials, trial_seconds
from s2dnas.pipeline.uniform import UniformComparison, compared
from s2dnas.pipeline.workers import run_executor
from s2dnas.search.evaluators import AnswersOf
from s2dnas.search.executors import PlanEvaluator, PlanExecutor
from s2dnas.search.finalists import finalists
from s2dnas.search.journal import Entry, Score, read_journal
from s2dnas.search.ladder import Ladder
from s2dnas.search.loop import best_entry, search
from s2dnas.search.registry import make_strategy
from s2dnas.search.strategy import Strategy
from s2dnas.search.turns import Turns
from s2dnas.space.alignment import slow_pieces
from s2dnas.space.plan import Plan
from s2dnas.training.loop import Progress

_log = logging.getLogger(__name__)


def search_plan(run: Run) -> None:
    """Search among plans within the limits; the one of the highest reward goes to plan.json.

    Where weights are trained in turns with the search, it is the best of the last turn: of all that were scored with
    the final weights. With several finalists, it is the one of the highest reward after a short training. search.json
    tells how many of the plans that were drawn kept the limits, and how the chosen one compares with the best uniform
    plan.
    """
    if warning := slow_pieces(run.study.graph, run.study.space):
        _log.warning("%s", warning)
    ways = {"predicted": _predicted, "train": _trained}
    plan, comparison = ways.get(run.settings.search.weights, _untrained)(run, Judge(run), _Loop(run))
    comparison.save(run.folder)
    plan.save(run.folder.path / "plan.json")


def search_seconds(folder: RunFolder) -> float:
    """How long plans were scored and trained to be compared; the shared network's training is not counted."""
    return trial_seconds(folder) + sum(entry.seconds for entry in read_journal(folder.finished("journal.jsonl")))


def _untrained(run: Run, judge: Judge, loop: "_Loop") -> tuple[Plan, UniformComparison]:
    """Every plan is scored with weights that were not trained for it alone, or by its costs alone."""
    weights = candidate_weights(run)
    alone = run.settings.search.weights == "none"
    evaluate = Ladder(run.limits) if alone else judge.evaluator(weights.network_of)
    with run_executor(run, evaluate, untrained_evaluator) as executor:
        asked = loop("journal.jsonl", run.settings.search.evaluations, executor, weights.turns)
        entries = asked[run.settings.turn_starts[-1] :]
        known = {entry.plan: entry.score for entry in entries}
        missing = [plan for plan in loop.limits.uniform if plan not in known]
        known |= {plan: found.score for plan, found in zip(missing, executor.map(missing), strict=True)}
    firsts = [float(run.pricing.cost.shares(entry.plan)[0]) for entry in entries]
    best = [entry.plan for entry in finalists(entries, firsts, run.settings.search.finalists)]
    plan = best[0] if len(best) == 1 else Trials(run, judge).best(best)
    uniform = {each: known[each] for each in loop.limits.uniform}
    return plan, loop.compared(judge, plan, uniform, judge.answers(weights.network_of))


def untrained_evaluator(run: Run) -> PlanEvaluator:
    """What scores plans in a worker: a shared network, where there is one, has been trained before."""
    return Judge(run).evaluator(candidate_weights(run).network_of)


def _trained(run: Run, judge: Judge, loop: "_Loop") -> tuple[Plan, UniformComparison]:
    """Every plan is scored after a training of its own."""
    trials, settings = Trials(run, judge), run.settings.search
    entries = loop("journal.jsonl", settings.evaluations, EachTrained(trials))
    plan = best_entry(entries).plan
    uniform = {entry.plan: entry.score for entry in entries if entry.plan in loop.limits.uniform}
    return plan, loop.compared(judge, plan, uniform, lambda each: trials.table(each, settings.trial.epochs))


def _predicted(run: Run, judge: Judge, loop: "_Loop") -> tuple[Plan, UniformComparison]:
    """Plans are scored by what the training of others predicts; the winner is one of those that were trained."""
    trials = Trials(run, judge)
    trained = search_by_prediction(run, judge, trials, loop)
    plan = trials.best(trained[: run.settings.search.finalists])
    uniform = {each: trials.score(each) for each in trained if each in loop.limits.uniform}
    first = run.settings.search.trial.epochs
    return plan, loop.compared(judge, plan, uniform, lambda each: trials.table(each, first))


class _Loop:
    """Searches of a run, each by a fresh strategy, with a journal in the run's folder."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.limits = run.limits
        self._proposed, self._feasible = 0, 0

    def __call__(
        self,
        journal: str,
        evaluations: int,
        evaluate: PlanEvaluator | PlanExecutor,
        turns_by: Callable[[Strategy], Turns] = without_turns,
    ) -> list[Entry]:
        """The entries of a search; what is scored afterwards gets the weights of the last turn, too."""
        run, settings = self._run, self._run.settings.search
        seed = run.seeds.of("search")
        strategy = make_strategy(
            settings.chosen_strategy, self.limits.space, seed, run.settings.controller, self.limits
        )

        def tell(index: int, entry: Entry) -> None:
            run.watch("search", Progress(index + 1, evaluations, -entry.score.reward))

        turns = turns_by(strategy)
        found = search(strategy, evaluate, evaluations, settings.batch, run.folder.path / journal, tell, turns)
        turns.prepare(len(found) - 1)
        self._proposed, self._feasible = self._proposed + strategy.proposed, self._feasible + strategy.feasible
        return found

    def compared(self, judge: Judge, plan: Plan, uniform: Mapping[Plan, Score], answer: AnswersOf) -> UniformComparison:
        """The chosen plan beside the best of the uniform ones, by what ``answer`` says that they answer."""
        return compared(judge, plan, uniform, answer, self._proposed, self._feasible)
