"""Networks of torchvision and timm, which are optional."""

from importlib import import_module
from typing import Any, cast

from torch import nn

from s2dnas.errors import ModelError, nearest


def build_torchvision(name: str, num_classes: int, in_channels: int) -> nn.Module:
    """A classification network of torchvision with fresh weights.

    Raises ModelError if torchvision is not installed, does not know the name, or ``in_channels`` is not 3.
    """
    models = _import("torchvision.models")
    _check(name, models.list_models(module=models), "torchvision")
    if in_channels != 3:
        raise ModelError(
            f"torchvision:{name} takes images of 3 channels, not {in_channels}; use timm:NAME, which takes any number"
        )
    return cast(nn.Module, models.get_model(name, weights=None, num_classes=num_classes))


def build_timm(name: str, num_classes: int, in_channels: int) -> nn.Module:
    """A network of timm with fresh weights. Raises ModelError if timm is not installed or does not know the name."""
    timm = _import("timm")
    _check(name, timm.list_models(), "timm")
    return cast(nn.Module, timm.create_model(name, pretrained=False, num_classes=num_classes, in_chans=in_channels))


def _import(module: str) -> Any:
    try:
        return import_module(module)
    # A torchvision made for another PyTorch raises RuntimeError or OSError.
    except (ImportError, RuntimeError, OSError) as error:
        raise ModelError(
            f"{module} cannot be imported ({error}); install what fits this PyTorch: pip install 's2dnas[zoo]'"
        ) from error


def _check(name: str, known: list[str], zoo: str) -> None:
    if name not in known:
        raise ModelError(f"{zoo} has no classification network {name!r}{nearest(name, known)}")
