"""Networks of torchvision and timm, which are optional."""

from importlib import import_module
from typing import Any, cast

from torch import nn

from s2dnas.errors import ModelError, nearest


def build_torchvision(name: str, num_classes: int, in_channels: int) -> nn.Module:
    """A classification network of torchvision with fresh weights.

    For images of other than 3 channels the first convolution is replaced.
    Raises ModelError if torchvision is not installed or does not know the name.
    """
    models = _import("torchvision.models")
    _check(name, models.list_models(module=models), "torchvision")
    model = cast(nn.Module, models.get_model(name, weights=None, num_classes=num_classes))
    if in_channels != 3:
        _replace_first_convolution(model, in_channels)
    return model


def build_timm(name: str, num_classes: int, in_channels: int) -> nn.Module:
    """A network of timm with fresh weights. Raises ModelError if timm is not installed or does not know the name."""
    timm = _import("timm")
    _check(name, timm.list_models(), "timm")
    return cast(nn.Module, timm.create_model(name, pretrained=False, num_classes=num_classes, in_chans=in_channels))


def _replace_first_convolution(model: nn.Module, in_channels: int) -> None:
    """In torchvision the first convolution that is defined is the one that reads the image."""
    path, old = next((path, module) for path, module in model.named_modules() if isinstance(module, nn.Conv2d))
    new = type(old)(
        in_channels,
        old.out_channels,
        cast(tuple[int, int], old.kernel_size),
        cast(tuple[int, int], old.stride),
        cast(tuple[int, int], old.padding),
        bias=old.bias is not None,
    )
    model.set_submodule(path, new)


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
