"""What a run is started with, and what decides whether it is the same run when it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s2dnas.config import validated
from s2dnas.pipeline.seeds import Seeds
from s2dnas.pipeline.settings import Settings


@dataclass(frozen=True)
class Start:
    """A model and data by name, the file of the static network's ``weights`` (None: they are trained), and settings."""

    model: str
    data: str
    weights: str | None
    settings: Settings

    @property
    def seeds(self) -> Seeds:
        """The seeds of everything that the run draws."""
        return Seeds(self.settings.seed)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        settings = self.settings.model_dump(mode="json")
        return {"model": self.model, "data": self.data, "weights": self.weights, "settings": settings}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "Start":
        """The start that ``to_dict`` wrote. Raises KeyError if a part is missing, SettingsError for bad settings."""
        settings = validated(content["settings"], Settings)
        return Start(content["model"], content["data"], content["weights"], settings)
