"""Weight initialisation of the static networks."""

from torch import nn


def he_normal(model: nn.Module) -> None:
    """Draw the weights of all convolutions and linear layers as He et al. (2015, eq. 10) do; their biases are zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
