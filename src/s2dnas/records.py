"""What every document of a run folder, and every section of settings, is made of."""

from pydantic import BaseModel, ConfigDict, ValidationError


class Record(BaseModel):
    """Frozen; unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def faults_of(error: ValidationError) -> list[str]:
    """``stages.0.macs: Input should be a valid number``: where in a document it is wrong, and how, in order."""
    faults = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors(include_url=False)]
    return [f"{place}: {message}" if place else message for place, message in faults]
