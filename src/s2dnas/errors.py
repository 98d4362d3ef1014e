"""The family of errors that a user can cause. Each message names the rule, the place, the values and the way out."""

import difflib
from collections.abc import Iterable, Mapping


class S2dnasError(Exception):
    """Something the user gave cannot be used as it is. Nothing that was finished is lost."""


class ModelError(S2dnasError):
    """The network cannot be captured, loaded or divided."""


class DataError(S2dnasError):
    """The data set is missing, empty, unreadable or does not match the network."""


class SettingsError(S2dnasError, ValueError):
    """A setting is unknown, of the wrong type or out of range.

    A ValueError, too: so pydantic gathers it with the other faults of a file.
    """


class PlanError(S2dnasError):
    """A plan does not belong to the search space, or the space holds no plan."""


class BudgetError(S2dnasError):
    """No thresholds reach the target that was asked for."""


class ArtifactError(S2dnasError):
    """A file of a run folder is missing, half written, or of another version."""


class TrainingError(S2dnasError):
    """Training diverged; the last good checkpoint is kept."""


class WorkerError(S2dnasError):
    """Workers that score plans died; what was scored is kept."""


def require(settings: object, rules: Mapping[str, tuple[bool, str]]) -> None:
    """Raise SettingsError that names every attribute of ``settings`` whose rule, ``(holds, in words)``, is broken."""
    faults = [f"{name} must be {rule}, not {getattr(settings, name)}" for name, (ok, rule) in rules.items() if not ok]
    if faults:
        raise SettingsError("; ".join(faults))


def nearest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for a misspelt name, and otherwise the known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(names)}"
