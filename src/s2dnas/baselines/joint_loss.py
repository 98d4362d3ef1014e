"""Joint training of several exits by labels alone, as BranchyNet, MSDNet and a cascade do it."""

from dataclasses import dataclass

from torch import Tensor, nn

from s2dnas.training.compute import at_least_single
from s2dnas.training.loss_weights import LossWeights
from s2dnas.training.moment import Moment
from s2dnas.training.multi_exit_loss import multi_exit_loss


@dataclass(frozen=True)
class JointLoss:
    """The sum over exits of ``alpha``_i times the cross-entropy of exit i; no ``alpha``: 1 each."""

    alpha: tuple[float, ...] = ()
    label_smoothing: float = 0.0

    def __call__(self, net: nn.Module, images: Tensor, labels: Tensor, moment: Moment | None = None) -> Tensor:  # noqa: ARG002
        """The scalar that the training loop minimises. Raises SettingsError if alpha is not one weight per exit."""
        weights = LossWeights(alpha=self.alpha, label_smoothing=self.label_smoothing)
        return multi_exit_loss(at_least_single(net(images)), labels, None, weights)
