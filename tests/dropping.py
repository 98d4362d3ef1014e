"""A tiny network with every kind of dropout: of divided values, undivided ones, those of each stage's own, logits."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nets import CLASSES, Calls, conv_bn, pooled

RATES = {
    "of_image": 0.05,
    "of_channels": 0.1,
    "selu_channels": 0.15,
    "of_mean": 0.3,
    "of_features": 0.4,
    "selu_features": 0.5,
    "of_logits": 0.2,
}
"""The rate of each module; the image and the mean are undivided."""


def dropping() -> tuple[nn.Module, Tensor]:
    """The network in float64 and eval mode, and images for it; with weights that hide nothing."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = {"a": conv_bn(3, 8), "b": conv_bn(8, 8), "hidden": nn.Linear(8, 8), "fc": nn.Linear(8, CLASSES)}
        made = {name: _KINDS.get(name, nn.Dropout)(rate) for name, rate in RATES.items()}
        return Calls(_forward, **layers, **made).double().eval(), torch.randn(3, 3, 8, 8, dtype=torch.float64)


_KINDS: dict[str, type[nn.Module]] = {
    "of_channels": nn.Dropout2d,
    "selu_channels": nn.FeatureAlphaDropout,
    "selu_features": nn.AlphaDropout,
}


def _forward(m: Calls, x: Tensor) -> Tensor:
    x = m.of_channels(F.relu(m.a(m.of_image(x))))
    x = m.selu_channels(F.selu(m.b(x)))
    x = x * torch.sigmoid(m.of_mean(x.mean(1, keepdim=True)))
    x = m.selu_features(F.selu(m.hidden(m.of_features(pooled(x)))))
    return m.of_logits(m.fc(x))
