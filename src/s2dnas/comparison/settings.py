"""What is compared, and on what."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from s2dnas.comparison.method_settings import MethodSettings
from s2dnas.comparison.methods import METHODS
from s2dnas.comparison.published import PUBLISHED
from s2dnas.config import content_of, validated
from s2dnas.pipeline.settings import Settings


class CompareSettings(MethodSettings):
    """``run`` is what all methods share: data, splits, epochs, recipes; ``seeds`` replace its seed one by one.
    Without ``methods``, the static network alone is trained.

    ``published``: the data set whose published curves are drawn beside ours; only where the data are the same.
    """

    model: str
    data: str
    weights: str | None = None
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1)
    methods: tuple[Literal[tuple(METHODS)], ...] = tuple(METHODS)  # type: ignore[valid-type]
    published: Literal[tuple(PUBLISHED)] | None = None  # type: ignore[valid-type]
    run: Settings = Settings()

    @model_validator(mode="after")
    def _by_macs(self) -> "CompareSettings":
        if self.run.cost != "macs":
            raise ValueError("run.cost is 'latency', but methods are compared by multiply-adds: leave it out")
        return self


def load_comparison(file: Path, overrides: Iterable[str] = ()) -> CompareSettings:
    """Settings from a TOML file, then ``key=value`` pairs on top. Raises SettingsError with all faults at once."""
    return validated(content_of(file, overrides), CompareSettings)
