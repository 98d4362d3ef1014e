"""What is compared, on what, and how each method is set up."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from s2dnas.baselines.blockdrop_training import BlockdropSettings
from s2dnas.baselines.branchynet import BranchynetSettings
from s2dnas.baselines.lccl import LcclSettings
from s2dnas.baselines.msdnet import MsdnetSettings
from s2dnas.baselines.naive import CascadeSettings
from s2dnas.comparison.methods import METHODS
from s2dnas.comparison.published import PUBLISHED
from s2dnas.config import Section, content_of, validated
from s2dnas.pipeline.settings import Settings, Share


class CompareSettings(Section):
    """``run`` is what all methods share: data, splits, epochs, recipes; ``seeds`` replace its seed one by one.
    Without ``methods``, the static network alone is trained.

    ``budgets``: shares of the static macs at which accuracies are tabulated. ``published``: the data set whose
    published curves are drawn beside ours; only where the data are the same. ``msdnet_rate``: its learning rate (None:
    the static network's). ``blockdrop_rate``: AdamW's learning rate in its curriculum, ten times that of its
    finetuning, as in its authors' code.
    """

    model: str
    data: str
    weights: str | None = None
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1)
    methods: tuple[Literal[tuple(METHODS)], ...] = tuple(METHODS)  # type: ignore[valid-type]
    budgets: tuple[Share, ...] = (0.25, 0.4, 0.5, 0.6, 0.8, 1.0)
    published: Literal[tuple(PUBLISHED)] | None = None  # type: ignore[valid-type]
    run: Settings = Settings()
    branchynet: BranchynetSettings = BranchynetSettings()
    msdnet: MsdnetSettings = MsdnetSettings()
    cascade: CascadeSettings = CascadeSettings()
    lccl: LcclSettings = LcclSettings()
    blockdrop: BlockdropSettings = BlockdropSettings()
    msdnet_rate: Annotated[float, Field(gt=0)] | None = None
    blockdrop_rate: Annotated[float, Field(gt=0)] = 1e-3


def load_comparison(file: Path, overrides: Iterable[str] = ()) -> CompareSettings:
    """Settings from a TOML file, then ``key=value`` pairs on top. Raises SettingsError with all faults at once."""
    return validated(content_of(file, overrides), CompareSettings)
