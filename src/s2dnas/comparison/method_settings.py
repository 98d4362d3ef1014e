"""How each method is set up, beside what all methods of a comparison share."""

from typing import Annotated

from pydantic import Field

from s2dnas.baselines.blockdrop_training import BlockdropSettings
from s2dnas.baselines.branchynet import BranchynetSettings
from s2dnas.baselines.lccl import LcclSettings
from s2dnas.baselines.msdnet import MsdnetSettings
from s2dnas.baselines.naive import CascadeSettings
from s2dnas.config import Section
from s2dnas.pipeline.settings import Share


class MethodSettings(Section):
    """``budgets``: shares of the static macs at which accuracies are tabulated.

    ``msdnet_rate``: MSDNet's learning rate (None: the static network's). ``blockdrop_rate``: AdamW's learning rate in
    BlockDrop's curriculum, ten times that of its finetuning, as in its authors' code.
    """

    budgets: tuple[Share, ...] = (0.25, 0.4, 0.5, 0.6, 0.8, 1.0)
    branchynet: BranchynetSettings = BranchynetSettings()
    msdnet: MsdnetSettings = MsdnetSettings()
    cascade: CascadeSettings = CascadeSettings()
    lccl: LcclSettings = LcclSettings()
    blockdrop: BlockdropSettings = BlockdropSettings()
    msdnet_rate: Annotated[float, Field(gt=0)] | None = None
    blockdrop_rate: Annotated[float, Field(gt=0)] = 1e-3
