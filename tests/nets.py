"""Tiny networks, one structural trouble each: ``NETS[name]()`` gives a float64 network and an image batch for it.

None has dropout that drops or depends on anything random in training, so that one pass can be compared with another.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Net = Callable[[], tuple[nn.Module, Tensor]]
NETS: dict[str, Net] = {}
CLASSES = 3


def net(make: Callable[[], nn.Module]) -> Net:
    """Register a network of 3x8x8 images under its function's name, with weights and statistics of a trained one."""
    return _net(make, channels=3)


def grey_net(make: Callable[[], nn.Module]) -> Net:
    """The same for images of one channel."""
    return _net(make, channels=1)


def _net(make: Callable[[], nn.Module], channels: int) -> Net:
    def build() -> tuple[nn.Module, Tensor]:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = make().double().eval()
            _as_if_trained(model)
            return model, torch.randn(3, channels, 8, 8, dtype=torch.float64)

    NETS[make.__name__] = build
    return build


def _as_if_trained(model: nn.Module) -> None:
    """Every tensor differs from every other and from its neutral value."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d | nn.GroupNorm | nn.LayerNorm | nn.RMSNorm | nn.PReLU):
            nn.init.uniform_(module.weight, 0.5, 1.5)
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d | nn.GroupNorm | nn.LayerNorm):
            nn.init.normal_(module.bias, std=0.2)


class Calls(nn.Module):
    """Modules by name, and a function that says in what order they are called."""

    def __init__(self, forward: Callable[["Calls", Tensor], Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def conv_bn(given: int, made: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(given, made, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(made))


def pooled(x: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


@net
def vgg() -> nn.Module:
    """Several linear layers behind a feature map of more than one position."""
    features = [nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()]
    classifier = [nn.Linear(8 * 4, 10), nn.ReLU(), nn.Linear(10, 7), nn.ReLU(), nn.Linear(7, CLASSES)]
    return nn.Sequential(*features, nn.MaxPool2d(2), nn.Flatten(), *classifier)


@net
def vgg_bn() -> nn.Module:
    """Batch norm with and without a convolution's bias before it, and over features."""
    conv = [nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), *conv_bn(6, 8), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()]
    return nn.Sequential(*conv, nn.Linear(72, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, CLASSES))


@net
def residual() -> nn.Module:
    """A shortcut that is a convolution."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        x = F.relu(m.b(F.relu(m.a(x))) + m.shortcut(x))
        x = F.relu(m.d(F.relu(m.c(x))) + x)
        return m.fc(pooled(x))

    blocks = {"a": conv_bn(6, 5, 3, 2), "b": conv_bn(5, 8), "shortcut": conv_bn(6, 8, 1, 2)}
    return Calls(forward, stem=conv_bn(3, 6), **blocks, c=conv_bn(8, 7), d=conv_bn(7, 8), fc=nn.Linear(8, CLASSES))


@net
def padded_shortcut() -> nn.Module:
    """A shortcut that takes every other position and pads with channels of zeros; the rest of them joins later."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        x = F.relu(m.b(F.relu(m.a(x))) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 3)))
        return m.fc(pooled(x))

    return Calls(forward, stem=conv_bn(3, 6), a=conv_bn(6, 7, 3, 2), b=conv_bn(7, 11), fc=nn.Linear(11, CLASSES))


@net
def padded_image() -> nn.Module:
    """The image itself, padded to more channels and added: stages get some of its channels, or padding alone."""
    return Calls(
        lambda m, x: m.fc(pooled(m.b(F.relu(m.a(x) + F.pad(x, (0, 0, 0, 0, 0, 5), value=0.5))))),
        a=conv_bn(3, 8),
        b=conv_bn(8, 6),
        fc=nn.Linear(6, CLASSES),
    )


@net
def inverted_residual() -> nn.Module:
    """Depthwise convolutions between a wide and a narrow layer, bounded activations."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = m.first(F.relu6(m.stem(x)))
        x = x + m.narrow(F.relu6(m.depthwise(F.relu6(m.widen(x)))))
        return m.fc(pooled(F.relu6(m.last(x))))

    block = {"widen": conv_bn(5, 15, 1), "depthwise": conv_bn(15, 15, groups=15), "narrow": conv_bn(15, 5, 1)}
    return Calls(
        forward, stem=conv_bn(3, 6), first=conv_bn(6, 5, 1), **block, last=conv_bn(5, 9, 1), fc=nn.Linear(9, CLASSES)
    )


@net
def depthwise_image() -> nn.Module:
    """The first layer works channel by channel on the image, with three outputs for each."""
    return Calls(
        lambda m, x: m.fc(pooled(F.relu(m.mix(F.relu(m.depthwise(x)))))),
        depthwise=nn.Conv2d(3, 9, 3, groups=3),
        mix=conv_bn(9, 8, 1),
        fc=nn.Linear(8, CLASSES),
    )


@net
def squeeze_excite_conv() -> nn.Module:
    """Gates of 1x1 convolutions, multiplied with every position."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        gate = m.up(F.relu(m.down(F.adaptive_avg_pool2d(x, 1)))).sigmoid()
        return m.fc(pooled(m.last(x * gate)))

    gates = {"down": nn.Conv2d(8, 4, 1), "up": nn.Conv2d(4, 8, 1)}
    return Calls(forward, stem=conv_bn(3, 8), **gates, last=conv_bn(8, 6), fc=nn.Linear(6, CLASSES))


@net
def squeeze_excite_linear() -> nn.Module:
    """Gates of linear layers, brought to the shape of an image by sizes that the graph computes."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        gate = m.gate(x.mean((2, 3))).view(x.size(0), x.size(1), 1, 1)
        return m.fc(pooled(m.last(x * gate.expand_as(x))))

    gate = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 8), nn.Hardsigmoid())
    return Calls(forward, stem=conv_bn(3, 8), gate=gate, last=conv_bn(8, 6), fc=nn.Linear(6, CLASSES))


@net
def dense() -> nn.Module:
    """Layers read the concatenation of all features before them, among them the image."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        a = F.relu(m.a(x))
        b = F.relu(m.b(torch.cat([x, a], 1)))
        c = F.relu(m.c(m.bn(torch.cat([b, x, a], 1))))
        return m.fc(pooled(torch.cat([a, c], 1)))

    layers = {"a": conv_bn(3, 6), "b": conv_bn(9, 5), "bn": nn.BatchNorm2d(14), "c": conv_bn(14, 7)}
    return Calls(forward, **layers, fc=nn.Linear(13, CLASSES))


@net
def in_place() -> nn.Module:
    """Sums and activations that overwrite their operand, also one that a shortcut reads."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = m.relu(m.stem(x))
        shortcut = x
        x = m.b(m.relu(m.a(x)))
        x += shortcut
        x = F.relu_(x)
        return m.fc(pooled(x.mul_(0.5).add_(0.1)))

    return Calls(
        forward,
        stem=conv_bn(3, 7),
        a=conv_bn(7, 6),
        b=conv_bn(6, 7),
        relu=nn.ReLU(inplace=True),
        fc=nn.Linear(7, CLASSES),
    )


@net
def used_twice() -> nn.Module:
    """A layer with its batch norm that is called twice, on maps of different size."""
    return Calls(
        lambda m, x: m.fc(pooled(F.relu(m.body(F.max_pool2d(F.relu(m.body(F.relu(m.stem(x)))), 2))))),
        stem=conv_bn(3, 7),
        body=conv_bn(7, 7),
        fc=nn.Linear(7, CLASSES),
    )


@net
def used_in_body_and_tail() -> nn.Module:
    """The last layer is the same convolution that was used before."""
    return Calls(
        lambda m, x: pooled(m.body(F.relu(m.mid(F.relu(m.body(x)))))),
        body=nn.Conv2d(3, 3, 3, padding=1),
        mid=conv_bn(3, 3),
    )


@net
def dropout() -> nn.Module:
    """Dropout of channels and of features, of both kinds (that drops nothing)."""
    first = [*conv_bn(3, 6), nn.SELU(), nn.FeatureAlphaDropout(0.0), nn.Dropout2d(0.0)]
    conv = [*first, *conv_bn(6, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(
        *conv, nn.Dropout(0.0), nn.Linear(8, 6), nn.SELU(), nn.AlphaDropout(0.0), nn.Linear(6, CLASSES)
    )


@net
def gated() -> nn.Module:
    """Two halves of one layer's channels, multiplied (GLU)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        value, gate = m.wide(F.relu(m.stem(x))).chunk(2, dim=1)
        return m.fc(pooled(F.relu(m.last(value * gate.sigmoid()))))

    return Calls(forward, stem=conv_bn(3, 6), wide=conv_bn(6, 14), last=conv_bn(7, 6), fc=nn.Linear(6, CLASSES))


@net
def split_parts() -> nn.Module:
    """Unequal parts of a layer's channels, one of them a single channel, put together in another order."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        a, b = m.wide(x).split([3, 5], dim=1)
        x = torch.cat([F.relu(b), a.flip(1), b[:, 1:4]], 1) * torch.sigmoid(b[:, 4:5])
        x = x + m.stem(x)[:, 0].unsqueeze(1)
        return m.fc(pooled(F.relu(m.last(x))))

    return Calls(forward, wide=conv_bn(3, 8), stem=conv_bn(11, 4), last=conv_bn(11, 6), fc=nn.Linear(6, CLASSES))


@net
def turned() -> nn.Module:
    """Flipped and rolled along channels and positions in one call."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x)).flip((1, 3))
        x = F.relu(m.wide(x)).roll((2, 1), (1, 2))
        return m.fc(pooled(F.relu(m.last(x))))

    return Calls(forward, stem=conv_bn(3, 6), wide=conv_bn(6, 8), last=conv_bn(8, 6), fc=nn.Linear(6, CLASSES))


@net
def grouped() -> nn.Module:
    """Convolutions in groups of several channels, also with more outputs than inputs (ResNeXt)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        x = x + m.out(F.relu(m.grouped(F.relu(m.into(x)))))
        return m.fc(pooled(x))

    block = {"into": conv_bn(6, 8, 1), "grouped": conv_bn(8, 16, groups=4), "out": conv_bn(16, 6, 1)}
    return Calls(forward, stem=conv_bn(3, 6), **block, fc=nn.Linear(6, CLASSES))


@net
def group_norm() -> nn.Module:
    """Channels are normalised in groups."""
    norm = [nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.GroupNorm(3, 6), nn.ReLU()]
    return nn.Sequential(*norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES))


@net
def mean_pool() -> nn.Module:
    """A mean over positions, and the brightest position, instead of pooling modules."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.b(F.relu(m.a(x))))
        brightest = F.adaptive_max_pool2d(x, 1).squeeze(3).squeeze(-1)
        return m.fc(x.mean(dim=[-1, -2]) + brightest)

    return Calls(forward, a=conv_bn(3, 6), b=conv_bn(6, 7), fc=nn.Linear(7, CLASSES))


@net
def conv_head() -> nn.Module:
    """The classifier is a convolution, and pooling comes after it (SqueezeNet)."""
    features = [*conv_bn(3, 6), nn.ReLU(), *conv_bn(6, 8), nn.ReLU()]
    head = [nn.Dropout(0.0), nn.Conv2d(8, CLASSES, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*features, *head)


@net
def layer_scale() -> nn.Module:
    """Parameters that belong to no layer: one number per channel, per position, and one for all."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem((x - m.mean) / 2))
        x = (x + m.position) * m.scale.view(1, -1, 1, 1)
        x = x + m.gamma * m.body(x) * m.strength.exp()
        return m.fc(pooled(x)) * m.temperature

    model = Calls(forward, stem=conv_bn(3, 7), body=conv_bn(7, 7), fc=nn.Linear(7, CLASSES))
    model.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
    shapes = {"gamma": (7, 1, 1), "scale": (7,), "position": (1, 8, 8), "strength": (), "temperature": (1,)}
    for name, shape in shapes.items():
        model.register_parameter(name, nn.Parameter(torch.rand(shape) + 0.5))
    return model


@net
def prelu() -> nn.Module:
    """Learned slopes, one per channel and one for all."""
    layers = [*conv_bn(3, 6), nn.PReLU(6), *conv_bn(6, 7), nn.PReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(7, 8), nn.PReLU(8), nn.Linear(8, CLASSES))


@net
def channel_softmax() -> nn.Module:
    """A softmax over channels in the middle: each depends on all."""
    return Calls(
        lambda m, x: m.fc(pooled(F.relu(m.c(F.relu(m.b(m.attend(F.relu(m.a(x))))))))),
        a=conv_bn(3, 6),
        attend=nn.Softmax(dim=1),
        b=conv_bn(6, 7),
        c=conv_bn(7, 8),
        fc=nn.Linear(8, CLASSES),
    )


@net
def running_sum() -> nn.Module:
    """An operator without a rule, concatenated to a divided branch; the output is log probabilities."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.a(x))
        x = torch.cat([m.b(x).cumsum(1), m.c(x)], 1)
        return F.log_softmax(m.fc(pooled(F.relu(m.d(x)))), 1)

    layers = {"a": conv_bn(3, 6), "b": conv_bn(6, 4), "c": conv_bn(6, 5), "d": conv_bn(9, 8)}
    return Calls(forward, **layers, fc=nn.Linear(8, CLASSES))


class StandardisedConv(nn.Conv2d):
    """Its weight is standardised each time; ``mask`` (outputs, inputs, 1, 1) is zero where the result is forbidden."""

    mask: Tensor | float = 1.0

    def forward(self, x: Tensor) -> Tensor:
        weight = F.batch_norm(self.weight.reshape(1, len(self.weight), -1), None, None, training=True)
        return F.conv2d(x, weight.reshape_as(self.weight) * self.mask, self.bias, self.stride, self.padding)


@net
def computed_weight() -> nn.Module:
    """A convolution whose weight is standardised each time."""
    return Calls(
        lambda m, x: m.fc(pooled(F.relu(m.c(F.relu(m.b(F.relu(m.a(x)))))))),
        a=conv_bn(3, 6),
        b=StandardisedConv(6, 7, 3),
        c=conv_bn(7, 8),
        fc=nn.Linear(8, CLASSES),
    )


@net
def sizes() -> nn.Module:
    """Shapes computed from sizes; positions become the rows of a linear layer, then channels again."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        n, c, h, w = x.size()
        x = x.view(n, c, h * w).permute(0, 2, 1)
        x = F.relu(m.rows(x)).transpose(1, 2).reshape(n, -1, h, w)
        return m.fc(m.last(x)[:, :, ::4, ::4].reshape(x.shape[0], -1))

    return Calls(forward, stem=conv_bn(3, 6), rows=nn.Linear(6, 7), last=conv_bn(7, 5), fc=nn.Linear(20, CLASSES))


@net
def samples_aside() -> nn.Module:
    """All positions of all samples as one long batch, for a while."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        n, c, h, w = x.shape
        rows = m.rows(x.permute(0, 2, 3, 1).reshape(-1, c))
        rows = rows * rows.size(0) / n
        x = x + rows.view(n, h, w, c).permute(0, 3, 1, 2)
        return m.fc(pooled(F.relu(m.b(F.relu(m.a(x))))))

    layers = {"stem": conv_bn(3, 6), "rows": nn.Linear(6, 6), "a": conv_bn(6, 8), "b": conv_bn(8, 7)}
    return Calls(forward, **layers, fc=nn.Linear(7, CLASSES))


@net
def two_heads() -> nn.Module:
    """Logits are the sum of two layers and of features that are read as they are."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        a = F.relu(m.a(x))
        b = F.relu(m.b(a))
        return m.fc_a(pooled(a)) + m.fc_b(pooled(b)) + pooled(m.c(b))

    layers = {"a": conv_bn(3, 6), "b": conv_bn(6, 7), "c": conv_bn(7, CLASSES)}
    return Calls(forward, **layers, fc_a=nn.Linear(6, CLASSES), fc_b=nn.Linear(7, CLASSES))


@net
def read_by_tail() -> nn.Module:
    """The classifier's result is weighed with features that are read as they are."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.b(F.relu(m.a(x))))
        return m.fc(pooled(m.c(x))) * x.mean((1, 2, 3)).unsqueeze(1)

    return Calls(forward, a=conv_bn(3, 6), b=conv_bn(6, 7), c=conv_bn(7, 6), fc=nn.Linear(6, CLASSES))


@grey_net
def grey() -> nn.Module:
    """An image of one channel, which is also added to every channel."""
    return Calls(
        lambda m, x: m.fc(pooled(F.relu(m.b(F.relu(m.a(x) + x))))),
        a=conv_bn(1, 6),
        b=conv_bn(6, 8),
        fc=nn.Linear(8, CLASSES),
    )


def channels_last(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@net
def layer_norm() -> nn.Module:
    """Normalised over channels, last or first, with scale and shift, without, and over positions too (ConvNeXt)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = channels_last(m.norm, m.stem(x))
        x = x + channels_last(lambda x: m.narrow(F.gelu(m.wide(F.layer_norm(x, (6,))))), m.depthwise(x))
        x = F.group_norm(x, 1, m.scale, m.shift)
        return m.fc(m.last(pooled(x)))

    block = {"depthwise": nn.Conv2d(6, 6, 3, padding=1, groups=6), "wide": nn.Linear(6, 9), "narrow": nn.Linear(9, 6)}
    last = {"last": nn.LayerNorm(6), "fc": nn.Linear(6, CLASSES)}
    model = Calls(forward, stem=nn.Conv2d(3, 6, 2, 2), norm=nn.LayerNorm(6), **block, **last)
    model.register_parameter("scale", nn.Parameter(torch.rand(6) + 0.5))
    model.register_parameter("shift", nn.Parameter(torch.randn(6)))
    return model


@net
def rms_norm() -> nn.Module:
    """Divided by the root mean square over channels."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = channels_last(m.norm, m.stem(x))
        return m.fc(pooled(F.relu(m.last(x))))

    return Calls(forward, stem=conv_bn(3, 7), norm=nn.RMSNorm(7), last=conv_bn(7, 6), fc=nn.Linear(6, CLASSES))


@net
def channel_mean() -> nn.Module:
    """Response normalisation: every channel beside the mean of all (GRN), and a spatial gate of a mean (CBAM)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        norm = x.square().sum((2, 3), keepdim=True).sqrt()
        x = x + m.bias + m.weight * x * (norm / (norm.mean(1, keepdim=True) + 1e-6))
        x = x * (2 * x.mean(dim=1, keepdim=True)).sigmoid()
        return m.fc(pooled(m.last(x)))

    model = Calls(forward, stem=conv_bn(3, 7), last=conv_bn(7, 6), fc=nn.Linear(6, CLASSES))
    model.register_parameter("weight", nn.Parameter(torch.randn(1, 7, 1, 1)))
    model.register_parameter("bias", nn.Parameter(torch.randn(1, 7, 1, 1)))
    return model


@net
def spatial_gate() -> nn.Module:
    """Statistics over channels, side by side, go through a convolution and become a gate (CBAM)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
        gate = m.gate(torch.cat([mean, variance, x.amax(1, keepdim=True)], 1)).sigmoid()
        x = F.relu(m.last(x * gate))
        return m.fc(pooled(x)) * x.mean((1, 2, 3)).unsqueeze(1)

    layers = {"stem": conv_bn(3, 7), "gate": nn.Conv2d(3, 1, 3, padding=1), "last": conv_bn(7, 6)}
    return Calls(forward, **layers, fc=nn.Linear(6, CLASSES))


@net
def channel_shuffle() -> nn.Module:
    """Half of the channels go through a layer, then both halves are interleaved (ShuffleNet)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        a, b = x.chunk(2, dim=1)
        x = torch.cat([a, F.relu(m.branch(b))], dim=1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
        return m.fc(pooled(F.relu(m.last(x))))

    return Calls(forward, stem=conv_bn(3, 10), branch=conv_bn(5, 5), last=conv_bn(10, 6), fc=nn.Linear(6, CLASSES))


@net
def pixel_shuffle() -> nn.Module:
    """Positions become channels and channels positions."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(F.pixel_unshuffle(x, 2)))
        x = F.relu(m.mid(F.pixel_shuffle(x, 2)))
        n, c, h, w = x.shape
        x = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)
        return m.fc(pooled(F.relu(m.last(x))))

    return Calls(forward, stem=conv_bn(12, 12), mid=conv_bn(3, 4), last=conv_bn(16, 6), fc=nn.Linear(6, CLASSES))


@net
def selective_kernels() -> nn.Module:
    """Two paths weighed against each other, channel by channel, by a softmax over the paths (SK, split attention)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        paths = torch.stack([F.relu(m.a(x)), F.relu(m.b(x))], dim=1)
        weights = m.up(F.relu(m.down(pooled(paths.sum(1)))))
        weights = weights.view(x.size(0), 2, 6, 1, 1).softmax(dim=1)
        x = (paths * weights).sum(dim=1)
        return m.fc(pooled(F.relu(m.last(x))))

    gate = {"down": nn.Linear(6, 4), "up": nn.Linear(4, 12)}
    layers = {"stem": conv_bn(3, 7), "a": conv_bn(7, 6), "b": conv_bn(7, 6, 5), "last": conv_bn(6, 8)}
    return Calls(forward, **layers, **gate, fc=nn.Linear(8, CLASSES))


@net
def attention() -> nn.Module:
    """Attention among positions with several heads, once by hand with a bias per head, once by the fused call."""

    def heads(m: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n, positions, _ = x.shape
        q, k, v = m(x).reshape(n, positions, 3, 3, 2).permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x)).flatten(2).transpose(1, 2)
        q, k, v = heads(m.qkv, m.norm(x))
        weights = (q @ k.transpose(-2, -1) * 0.7 + m.bias[:, m.index.view(-1)].view(3, 16, 16)).softmax(dim=-1)
        x = x + m.proj((weights @ v).transpose(1, 2).reshape(x.shape))
        x = x + m.proj2(F.scaled_dot_product_attention(*heads(m.qkv2, x)).transpose(1, 2).reshape(x.shape))
        return m.fc(F.relu(m.last(x)).mean(1))

    layers = {"stem": conv_bn(3, 6, 3, 2), "norm": nn.LayerNorm(6), "qkv": nn.Linear(6, 18), "proj": nn.Linear(6, 6)}
    more = {"qkv2": nn.Linear(6, 18), "proj2": nn.Linear(6, 6), "last": nn.Linear(6, 7), "fc": nn.Linear(7, CLASSES)}
    model = Calls(forward, **layers, **more)
    model.register_parameter("bias", nn.Parameter(torch.randn(3, 40)))
    model.register_buffer("index", torch.randint(40, (16, 16)))
    return model


@net
def global_context() -> nn.Module:
    """Positions are weighed by one channel, and their weighed sum is added to every position."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        mask = m.mask(x).flatten(2).softmax(dim=-1).unsqueeze(3)
        context = (x.flatten(2).unsqueeze(1) @ mask).view(x.shape[0], -1, 1, 1)
        return m.fc(pooled(F.relu(m.last(x + m.up(F.relu(m.norm(m.down(context))))))))

    gate = {
        "mask": nn.Conv2d(7, 1, 1),
        "down": nn.Conv2d(7, 4, 1),
        "norm": nn.GroupNorm(1, 4),
        "up": nn.Conv2d(4, 7, 1),
    }
    return Calls(forward, stem=conv_bn(3, 7), **gate, last=conv_bn(7, 8), fc=nn.Linear(8, CLASSES))


@net
def neighbouring_channels() -> nn.Module:
    """A gate that a convolution along the channels makes: it needs them in their order (ECA)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        gate = m.gate(pooled(x).unsqueeze(1)).sigmoid().view(x.shape[0], -1, 1, 1)
        return m.fc(pooled(F.relu(m.last(x * gate))))

    layers = {"stem": conv_bn(3, 7), "gate": nn.Conv1d(1, 1, 3, padding=1, bias=False), "last": conv_bn(7, 6)}
    return Calls(forward, **layers, fc=nn.Linear(6, CLASSES))


@net
def channels_beside_samples() -> nn.Module:
    """Channels become samples for a while (MobileViT), in a region with a setting of its own."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.a(F.relu(m.stem(x))))
        n, c, h, w = x.shape
        with torch.autocast("cpu", enabled=False):
            x = F.relu(x.reshape(n * c, h, w).transpose(1, 2).reshape(n, c, h, w))
        return m.fc(pooled(F.relu(m.last(x))))

    layers = {"stem": conv_bn(3, 6), "a": conv_bn(6, 5), "last": conv_bn(5, 7)}
    return Calls(forward, **layers, fc=nn.Linear(7, CLASSES))


@net
def transposed() -> nn.Module:
    """Transposed convolutions: one that mixes channels, one that works channel by channel."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.up(F.relu(m.stem(x))))
        return m.fc(pooled(F.relu(m.last(m.smooth(x)))))

    up = nn.ConvTranspose2d(6, 8, 3, stride=2, padding=1, output_padding=1)
    smooth = nn.ConvTranspose2d(8, 8, 2, groups=8, bias=False)
    return Calls(forward, stem=conv_bn(3, 6, 3, 2), up=up, smooth=smooth, last=conv_bn(8, 7), fc=nn.Linear(7, CLASSES))


@net
def wide_groups() -> nn.Module:
    """A convolution of two wide groups, whose results are weighed against each other and added (ResNeSt)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.grouped(F.relu(m.stem(x)))).unflatten(1, (2, 32))
        weights = m.up(F.relu(m.down(pooled(x.sum(1))))).view(-1, 2, 32, 1, 1).softmax(1)
        return m.fc(pooled(F.relu(m.last((x * weights).sum(1)))))

    grouped = nn.Conv2d(64, 64, 3, 4, groups=2)
    gate = {"down": nn.Linear(32, 5), "up": nn.Linear(5, 64)}
    return Calls(
        forward, stem=conv_bn(3, 64, 1), grouped=grouped, **gate, last=conv_bn(32, 7), fc=nn.Linear(7, CLASSES)
    )


@net
def manual_norm() -> nn.Module:
    """Batch norm written out, with statistics and scales that the network itself holds."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = m.stem(x)
        x = (x - m.mean[None, :, None, None]) / torch.sqrt(m.var[None, :, None, None] + 1e-5)
        x = F.relu(x * m.scale.view(1, -1, 1, 1) + m.shift.unsqueeze(-1).unsqueeze(-1))
        return m.fc(pooled(F.relu(m.last(x))))

    model = Calls(forward, stem=nn.Conv2d(3, 6, 3), last=conv_bn(6, 7), fc=nn.Linear(7, CLASSES))
    for name in ("mean", "var"):
        model.register_buffer(name, torch.rand(6))
    for name in ("scale", "shift"):
        model.register_parameter(name, nn.Parameter(torch.rand(6) + 0.5))
    return model


@net
def mixed_parts() -> nn.Module:
    """A layer's result beside what pooling, resizing and the image gave (Inception)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        image, x = x, F.relu(m.stem(x))
        small = F.relu(m.small(F.avg_pool2d(x, 2)))
        parts = [m.b(F.relu(m.a(x))), F.max_pool2d(x, 3, 1, 1), F.interpolate(small, scale_factor=2.0), image]
        return m.fc(pooled(F.relu(m.last(torch.cat(parts, dim=1)))))

    layers = {"stem": conv_bn(3, 5), "small": conv_bn(5, 4), "a": conv_bn(5, 6, 1), "b": conv_bn(6, 7)}
    return Calls(forward, **layers, last=conv_bn(19, 8), fc=nn.Linear(8, CLASSES))


class Pyramid(nn.Module):
    """Two features, as a dict or as a tuple."""

    def __init__(self, given: int, named: bool) -> None:
        super().__init__()
        self.fine, self.coarse, self.named = conv_bn(given, 6), conv_bn(6, 7, 3, 2), named

    def forward(self, x: Tensor) -> dict[str, Tensor] | tuple[Tensor, Tensor]:
        fine = F.relu(self.fine(x))
        coarse = F.relu(self.coarse(fine))
        return {"fine": fine, "coarse": coarse} if self.named else (fine, coarse)


@net
def inner_results() -> nn.Module:
    """Modules inside give dicts and tuples of features."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        features = m.first(x)
        fine, coarse = m.second(features["fine"])
        x = fine[..., ::2, ::2] + m.side(torch.cat([coarse, features["coarse"]], 1))
        return m.fc(pooled(F.relu(x)))

    pyramids = {"first": Pyramid(3, named=True), "second": Pyramid(6, named=False)}
    return Calls(forward, **pyramids, side=conv_bn(14, 6, 1), fc=nn.Linear(6, CLASSES))


@net
def side_branch() -> nn.Module:
    """A gate, which stays whole, is all that reads a filter of each channel: nobody reads the later channels' part."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        return m.fc(pooled(F.relu(m.last(x * m.gate(F.relu(m.filter(x))).sigmoid()))))

    layers = {"stem": conv_bn(3, 7), "filter": nn.Conv2d(7, 7, 3, padding=1, groups=7), "gate": nn.Conv2d(7, 1, 1)}
    return Calls(forward, **layers, last=conv_bn(7, 6), fc=nn.Linear(6, CLASSES))


@net
def shapes_given_back() -> nn.Module:
    """Axes that are moved there and back, a shape taken from another value (LeViT), logits that are selected (CLIP)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x)).permute(0, 2, 3, 1).permute(0, 3, 1, 2)
        x = m.rows(x.flatten(2).transpose(1, 2))
        x = F.relu(m.norm(x.flatten(0, 1)).reshape_as(x))
        return m.fc(x.mean(1)).unsqueeze(1)[:, 0]

    layers = {"stem": conv_bn(3, 6), "rows": nn.Linear(6, 7), "norm": nn.BatchNorm1d(7)}
    return Calls(forward, **layers, fc=nn.Linear(7, CLASSES))


@net
def weight_per_sample() -> nn.Module:
    """Each sample mixes a weight of its own from two: a convolution of as many groups as samples (CondConv)."""

    def forward(m: Calls, x: Tensor) -> Tensor:
        x = F.relu(m.stem(x))
        n, c, h, w = x.shape
        weight = (m.routing(pooled(x)).sigmoid().unsqueeze(2) * m.experts).sum(1).view(n * 5, c, 1, 1)
        x = F.conv2d(x.reshape(1, n * c, h, w), weight, groups=n).view(n, 5, h, w)
        return m.fc(pooled(F.relu(m.last(F.relu(x)))))

    model = Calls(forward, stem=conv_bn(3, 6), routing=nn.Linear(6, 2), last=conv_bn(5, 7), fc=nn.Linear(7, CLASSES))
    model.register_parameter("experts", nn.Parameter(torch.randn(2, 5 * 6)))
    return model
