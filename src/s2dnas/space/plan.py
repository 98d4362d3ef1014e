"""A plan: one architecture of the search space, as data."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from s2dnas.artifacts import read_json, write_json
from s2dnas.errors import ArtifactError


def stage_pairs(num_stages: int) -> list[tuple[int, int]]:
    """The pairs (i, j), i < j, of stages counted from 0, in the order in which a plan lists its indicators."""
    return [(i, j) for j in range(num_stages) for i in range(j)]


@dataclass(frozen=True)
class Plan:
    """Widths per coupling and concat indicators per mixing layer.

    ``widths[coupling]`` holds S numbers of units, one per stage, in the coupling's unit order.
    ``indicators[layer]`` holds S (S - 1) / 2 flags, one per pair of ``stage_pairs``: True if stage j of that layer
    reads the features of the earlier stage i (m_ij = 1).
    """

    num_stages: int
    widths: Mapping[str, tuple[int, ...]]
    indicators: Mapping[str, tuple[bool, ...]]

    @cached_property
    def key(self) -> str:
        """A hash of the plan, 16 hexadecimal digits: equal for equal plans only."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        return hash(self.key)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dicts, as JSON holds them."""
        return {
            "num_stages": self.num_stages,
            "widths": {name: list(widths) for name, widths in self.widths.items()},
            "indicators": {name: [int(flag) for flag in flags] for name, flags in self.indicators.items()},
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> "Plan":
        """The plan that ``to_dict`` wrote. Raises ArtifactError if a part is missing."""
        try:
            return Plan(
                num_stages=int(content["num_stages"]),
                widths={name: tuple(map(int, widths)) for name, widths in content["widths"].items()},
                indicators={name: tuple(map(bool, flags)) for name, flags in content["indicators"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(f"not a plan: {error!r}; give a plan that s2dnas wrote") from error

    def save(self, path: Path) -> None:
        """Write the plan as JSON."""
        write_json(path, "plan", self.to_dict())

    @staticmethod
    def load(path: Path) -> "Plan":
        """Read a plan that ``save`` wrote."""
        return Plan.from_dict(read_json(path, "plan"))
