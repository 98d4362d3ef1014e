"""The journal of a search: one line per scored plan, in the order in which they were scored."""

import math
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from s2dnas.artifacts import append_line, read_lines
from s2dnas.errors import ArtifactError, SettingsError
from s2dnas.space.plan import Plan


@dataclass(frozen=True)
class Score:
    """What an evaluator finds out about a plan: its reward, from accuracy in [0, 1] and mean cost per sample, where it
    runs the plan (else None).

    Raises SettingsError for a number that is not finite.
    """

    accuracy: float | None
    mean_cost: float | None
    reward: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in astuple(self) if value is not None):
            raise SettingsError(f"a score must hold finite numbers, not {self}; check the evaluator")


@dataclass(frozen=True)
class Entry:
    """One scored plan, and the seconds that scoring it took (0 if its score was known already)."""

    plan: Plan
    score: Score
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return {"plan": self.plan.to_dict(), "score": asdict(self.score), "seconds": self.seconds}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "Entry":
        """The entry that ``to_dict`` wrote. Raises ArtifactError if a part is missing or of another type."""
        try:
            accuracy, mean_cost, reward = (content["score"][name] for name in ("accuracy", "mean_cost", "reward"))
            score = Score(_known(accuracy), _known(mean_cost), float(reward))
            return Entry(Plan.from_dict(content["plan"]), score, float(content["seconds"]))
        except (KeyError, TypeError, ValueError, AttributeError, SettingsError) as error:
            raise ArtifactError(f"not an entry of a search journal: {error!r}; start the search anew") from error


def _known(value: Any) -> float | None:
    return None if value is None else float(value)


def write_entry(path: Path, entry: Entry) -> None:
    """Add an entry to the journal; it is on disk when this returns."""
    append_line(path, entry.to_dict())


def read_journal(path: Path) -> list[Entry]:
    """All whole entries, none if there is no journal yet. Raises ArtifactError if the file is something else."""
    return [Entry.from_dict(line) for line in read_lines(path)]
