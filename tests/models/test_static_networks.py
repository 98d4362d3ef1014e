"""The static networks are those of the field: as large, as costly and named alike."""

import pytest
import torch
from torch import Tensor, nn

from s2dnas.models.registry import MODELS, create_model


def count_macs(model: nn.Module, image: Tensor) -> int:
    macs = 0

    def add(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal macs
        macs += module.weight.numel() * output[0, 0].numel()

    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(add)
    model.eval()(image)
    return macs


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("resnet20", 0.27e6, 40.55e6),
        ("resnet32", 0.464e6, 68.86e6),
        ("resnet56", 0.853e6, 125.5e6),
        ("resnet110", 1.73e6, 252.9e6),
        ("vgg16_bn", 15.25e6, 313.7e6),
        ("mobilenet_v2", 2.24e6, 88.0e6),
    ],
)
def test_size_and_cost_are_the_published_ones(name: str, parameters: float, macs: float) -> None:
    model = create_model(name, num_classes=10)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(parameters, rel=0.006)
    assert count_macs(model, torch.zeros(1, 3, 32, 32)) == pytest.approx(macs, rel=0.001)


@pytest.mark.parametrize(
    ("name", "parameters", "macs"), [("resnet18", 11.69e6, 1.814e9), ("resnet50", 25.56e6, 4.089e9)]
)
def test_size_and_cost_of_imagenet_networks_are_the_published_ones(name: str, parameters: float, macs: float) -> None:
    model = create_model(name, num_classes=1000)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(parameters, rel=0.001)
    assert count_macs(model, torch.zeros(1, 3, 224, 224)) == pytest.approx(macs, rel=0.001)


def test_resnet20_has_the_names_of_published_checkpoints() -> None:
    shapes = {name: tuple(p.shape) for name, p in create_model("resnet20", num_classes=10).named_parameters()}
    published = {
        "conv1.weight": (16, 3, 3, 3),
        "bn1.weight": (16,),
        "bn1.bias": (16,),
        "linear.weight": (10, 64),
        "linear.bias": (10,),
    }
    inputs = {(1, 0): 16, (2, 0): 16, (3, 0): 32}
    for layer, width in ((1, 16), (2, 32), (3, 64)):
        for block in range(3):
            for number, in_channels in ((1, inputs.get((layer, block), width)), (2, width)):
                published[f"layer{layer}.{block}.conv{number}.weight"] = (width, in_channels, 3, 3)
                published[f"layer{layer}.{block}.bn{number}.weight"] = (width,)
                published[f"layer{layer}.{block}.bn{number}.bias"] = (width,)
    assert shapes == published


def test_a_shortcut_keeps_every_second_pixel_and_pads_half_of_the_new_channels_on_each_side() -> None:
    block = create_model("resnet20", num_classes=10).layer2[0].eval()
    nn.init.zeros_(block.bn2.weight)  # the shortcut alone is left
    x = torch.rand(2, 16, 8, 8)
    out = block(x)
    assert torch.equal(out[:, 8:24], x[:, :, ::2, ::2])
    assert not out[:, :8].any()
    assert not out[:, 24:].any()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "resnet110"])
@pytest.mark.parametrize(("in_channels", "num_classes"), [(1, 7), (3, 100)])
def test_channels_and_classes_can_be_chosen(name: str, in_channels: int, num_classes: int) -> None:
    model = create_model(name, num_classes, in_channels).eval()
    assert model(torch.rand(2, in_channels, 32, 32)).shape == (2, num_classes)


@pytest.mark.parametrize(("name", "size"), [("resnet20", 8), ("resnet20", 28), ("mobilenet_v2", 8), ("vgg16_bn", 64)])
def test_other_image_sizes_work(name: str, size: int) -> None:
    assert create_model(name, 10).eval()(torch.rand(1, 3, size, size)).shape == (1, 10)


def test_signals_keep_their_strength_at_the_start() -> None:
    torch.manual_seed(0)
    for name in ("resnet20", "vgg16_bn", "mobilenet_v2"):
        logits = create_model(name, 10)(torch.randn(16, 3, 32, 32))
        assert 0.05 < logits.std() < 20
