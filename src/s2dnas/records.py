"""What every document of a run folder, and every section of settings, is made of."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Frozen; unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
