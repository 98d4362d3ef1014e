"""BlockDrop (Wu et al., CVPR 2018): a policy network sees the image once and says which residual blocks to run.

``blockdrop_training`` trains the policy. Our choice: the base's batch norms keep their running statistics
all along, since those of a batch would mix samples that run a block with others that do not.
"""

import torch
from torch import Tensor, nn

from s2dnas.baselines.adaptive import AdaptiveNet, Answer, module_macs
from s2dnas.baselines.chain import image_for
from s2dnas.baselines.residual_chain import ResidualChain
from s2dnas.exits import Outcomes, mean_cost
from s2dnas.models.resnet import ResNet
from s2dnas.training.compute import at_least_single


class BlockDropNet(AdaptiveNet):
    """Images (N, C, H, W) to logits (N, K), by the blocks of ``base`` that ``policy`` keeps."""

    def __init__(self, base: ResidualChain, policy: nn.Module, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.base, self.policy = base, policy
        self.eval()
        image = image_for(base, image_shape)
        self._macs_per_block = _block_macs(base, image)
        self.static_macs = float(module_macs(base, image, _every_block(base, image)))
        most = self.static_macs + module_macs(policy, image)
        self.macs_bounds = (most - sum(self._macs_per_block), most)

    def train(self, mode: bool = True) -> "BlockDropNet":
        """Training mode, but for the base."""
        super().train(mode)
        self.base.eval()
        return self

    def keep_probabilities(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) to the probability (N, blocks) of keeping each block, in order."""
        return torch.sigmoid(at_least_single(self.policy(x)))

    def run(self, x: Tensor, *, skip: bool) -> Answer:
        """Answer images (N, C, H, W), keeping each block whose probability is at least a half."""
        kept = self.keep_probabilities(x) >= 0.5
        spent = kept.double() @ torch.tensor(self._macs_per_block, dtype=torch.float64, device=x.device)
        return Answer(self.base(x, kept, skip), self.macs_bounds[0] + spent)

    def accounts(self, outcomes: Outcomes) -> dict[str, float]:
        """``policy_of_static``: what the policy costs, as a share of the static macs.

        ``kept_of_blocks``: the share of the droppable blocks' multiply-adds that is spent on samples.
        """
        least, most = self.macs_bounds
        return {
            "policy_of_static": (most - self.static_macs) / self.static_macs,
            "kept_of_blocks": (mean_cost(outcomes) - least) / (most - least),
        }


def blockdrop(model: nn.Module, image_shape: tuple[int, int, int] = (3, 32, 32)) -> BlockDropNet:
    """A copy of a trained static network under a fresh policy, a ResNet-8; it is in eval mode.

    Raises ModelError if the network has no residual blocks.
    """
    base = ResidualChain(model)
    policy = ResNet(1, base.num_blocks, image_shape[0]).to(next(model.parameters()))
    return BlockDropNet(base, policy, image_shape)


def _block_macs(base: ResidualChain, image: Tensor) -> list[int]:
    """What dropping each block saves for one image."""
    every = _every_block(base, image)
    static = module_macs(base, image, every)
    dropped = torch.eye(base.num_blocks, dtype=torch.bool, device=image.device)[:, None]
    return [static - module_macs(base, image, every ^ block, True) for block in dropped]


def _every_block(base: ResidualChain, image: Tensor) -> Tensor:
    return torch.ones(1, base.num_blocks, dtype=torch.bool, device=image.device)
