"""MixUp and CutMix: images of a batch mixed in pairs, and their labels in the same shares."""

import torch
from torch import Tensor
from torch.nn import functional as F

from s2dnas.data.augment import Augmentation
from s2dnas.data.draws import drawing_from
from s2dnas.extras import require_extra

_Mixed = tuple[Tensor, Tensor, Tensor]
"""Images (N, C, H, W), the labels (N,) of their partners, and the partners' shares (N,)."""


def mix(
    images: Tensor, labels: Tensor, num_classes: int, augmentation: Augmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W), each mixed with another of the batch, and their labels as probabilities (N, K).

    ``labels`` (N,) are int64. MixUp (Zhang et al. 2018) takes a share of the partner's values, drawn from
    Beta(``mixup``, ``mixup``); CutMix (Yun et al. 2019) a rectangle of the partner, with an area drawn from
    Beta(``cutmix``, ``cutmix``). One of them must be on; if both are, each batch draws one. Equal generators give
    equal results. Raises MissingExtraError without kornia.
    """
    require_extra("data", "kornia")
    alphas = {_mixup: augmentation.mixup, _cutmix: augmentation.cutmix}
    kinds = [kind for kind, alpha in alphas.items() if alpha > 0]
    with drawing_from(generator):
        kind = kinds[int(torch.randint(len(kinds), ()))]
        images, partners, shares = kind(images, labels, alphas[kind])
    own, other = (F.one_hot(classes, num_classes).to(images) for classes in (labels, partners))
    return images, torch.lerp(own, other, shares[:, None])


def _mixup(images: Tensor, labels: Tensor, alpha: float) -> _Mixed:
    from kornia.augmentation import RandomMixUpV2

    transform = RandomMixUpV2(data_keys=["input", "class"])
    drawn = transform.forward_parameters(images.shape)
    # kornia draws shares uniformly.
    drawn["mixup_lambdas"] = torch.distributions.Beta(alpha, alpha).sample((len(images),))
    images, mixed = transform(images, labels, params=drawn)
    _, partners, shares = mixed.unbind(-1)
    return images, partners.long(), shares


def _cutmix(images: Tensor, labels: Tensor, alpha: float) -> _Mixed:
    from kornia.augmentation import RandomCutMixV2

    transform = RandomCutMixV2(beta=alpha, data_keys=["input", "class"], use_correct_lambda=True)
    images, (mixed,) = transform(images, labels)
    _, partners, own_shares = mixed.unbind(-1)
    return images, partners.long(), 1 - own_shares
