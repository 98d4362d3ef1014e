"""The one search loop: ask a strategy for plans, score them, write them down, tell the strategy."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.search.executors import InProcess, PlanEvaluator, PlanExecutor
from s2dnas.search.journal import Entry, read_journal, write_entry
from s2dnas.search.standing import standing
from s2dnas.search.strategy import Strategy
from s2dnas.search.turns import ONE_TURN, Turns
from s2dnas.space.plan import Plan

_log = logging.getLogger(__name__)


def search(
    strategy: Strategy,
    evaluator: PlanEvaluator | PlanExecutor,
    evaluations: int,
    batch: int,
    journal: Path | None,
    on_entry: Callable[[int, Entry], None] | None = None,
    turns: Turns = ONE_TURN,
) -> list[Entry]:
    """The first ``evaluations`` entries of the search, asked ``batch`` plans at a time by a fresh strategy.

    Entries that the journal, if there is one, already holds are told to the strategy instead of being scored again, so
    a search that was killed goes on where it stopped and ends as if it had not been; a larger ``evaluations`` extends
    it. Each distinct plan is scored once, or once in each of several ``turns``: in this process, or by the workers of
    an executor; their number changes nothing. ``on_entry`` gets index and entry of every plan scored anew.

    Raises SettingsError if ``evaluations`` or ``batch`` is below 1, ArtifactError if the journal is of another search.
    """
    if min(evaluations, batch) < 1:
        raise SettingsError(f"evaluations and batch must be at least 1, not {evaluations} and {batch}")
    recorded = _recorded(journal, evaluations)
    executor = evaluator if isinstance(evaluator, PlanExecutor) else InProcess(evaluator)
    entries: list[Entry] = []
    while len(entries) < evaluations:
        # Always a whole batch, even if only part of it is scored: what is asked must not depend on `evaluations`.
        plans = strategy.ask(batch)
        scored = plans[: evaluations - len(entries)]
        replayed = recorded[len(entries) :][: len(scored)]
        entries += _replayed(replayed, scored, len(entries), journal)
        for entry in _evaluated(scored[len(replayed) :], executor, entries, turns):
            entries.append(entry)
            if journal is not None:
                write_entry(journal, entry)
            if on_entry is not None:
                on_entry(len(entries) - 1, entry)
        if len(scored) == batch:
            strategy.tell(plans, [entry.score for entry in entries[-batch:]])
        if len(replayed) < len(scored):
            _log.info(standing(entries, turns.start(len(entries) - 1), evaluations, batch, strategy))
    return entries


def best_entry(entries: Sequence[Entry]) -> Entry:
    """The entry of the highest reward, the earliest of equals. Raises SettingsError if there is none."""
    if not entries:
        raise SettingsError("no plan has been scored yet; search before taking the best")
    return max(entries, key=lambda entry: entry.score.reward)


def _recorded(journal: Path | None, evaluations: int) -> list[Entry]:
    found = [] if journal is None else read_journal(journal)
    _log.info("%d of %d plans are in the journal already", min(len(found), evaluations), evaluations)
    return found


def _replayed(recorded: Sequence[Entry], plans: Sequence[Plan], first: int, journal: Path | None) -> list[Entry]:
    """The recorded entries, the one of index ``first`` and on, which must be of the first of these plans."""
    for index, (entry, plan) in enumerate(zip(recorded, plans, strict=False), start=first):
        if entry.plan != plan:
            raise ArtifactError(
                f"{journal}, line {index + 1}, holds plan {entry.plan.key}, but this search chooses {plan.key} there: "
                "the journal belongs to other settings (network, strategy, seed or batch); restore them, or delete the "
                "journal"
            )
    return list(recorded)


def _evaluated(plans: Sequence[Plan], executor: PlanExecutor, before: Sequence[Entry], turns: Turns) -> Iterator[Entry]:
    """An entry per plan, in order; those of the turn among the entries ``before``, or further up, are known."""
    known = {entry.plan: entry.score for entry in before[turns.start(len(before)) :]}
    if new := [plan for plan in dict.fromkeys(plans) if plan not in known]:
        turns.prepare(len(before))
    scores = executor.map(new)
    for plan in plans:
        if plan in known:
            yield Entry(plan, known[plan], seconds=0.0)
        else:
            found = next(scores)
            known[plan] = found.score
            yield Entry(plan, found.score, found.seconds)
