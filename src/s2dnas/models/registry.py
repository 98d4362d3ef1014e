"""Static networks by name."""

from collections.abc import Callable

from torch import nn

from s2dnas.errors import ModelError, nearest
from s2dnas.models.imagenet_resnet import resnet18, resnet50
from s2dnas.models.mobilenet import mobilenet_v2
from s2dnas.models.resnet import resnet20, resnet32, resnet56, resnet110
from s2dnas.models.user import build_from_file
from s2dnas.models.vgg import vgg16_bn
from s2dnas.models.zoo import build_timm, build_torchvision

Builder = Callable[[int, int], nn.Module]

MODELS: dict[str, Builder] = {
    "resnet20": resnet20,
    "resnet32": resnet32,
    "resnet56": resnet56,
    "resnet110": resnet110,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "vgg16_bn": vgg16_bn,
    "mobilenet_v2": mobilenet_v2,
}

_ZOOS: dict[str, Callable[[str, int, int], nn.Module]] = {"torchvision": build_torchvision, "timm": build_timm}


def create_model(spec: str, num_classes: int, in_channels: int = 3) -> nn.Module:
    """A network with fresh weights: a name of ``MODELS``, ``torchvision:NAME``, ``timm:NAME`` or ``FILE.py:FUNCTION``.

    The function is given ``num_classes`` and ``in_channels`` as far as it accepts them.
    Raises ModelError if there is no such network, it cannot be made, or its zoo is not installed.
    """
    if spec in MODELS:
        return MODELS[spec](num_classes, in_channels)
    place, _, name = spec.rpartition(":")
    if place in _ZOOS:
        return _ZOOS[place](name, num_classes, in_channels)
    if place.endswith(".py"):
        return build_from_file(place, name, num_classes, in_channels)
    if spec.endswith(".py"):
        raise ModelError(f"{spec!r} names no function; write FILE.py:FUNCTION, the function that makes the network")
    raise ModelError(
        f"{spec!r} is neither torchvision:NAME, timm:NAME nor FILE.py:FUNCTION, "
        f"and no network of that name comes with s2dnas{nearest(spec, MODELS)}"
    )
