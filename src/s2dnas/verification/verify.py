"""Proof on demand: the networks of random plans, compared in float64 with what they must equal.

The network that is built from slices, stage by stage and as a whole, is compared with the user's own module whose
forbidden weights are zero and with the masked network; the cost model with what a counter counts.
"""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf, isfinite
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.trace import trace
from s2dnas.masked.masks import stage_masks
from s2dnas.masked.shared import SharedNet
from s2dnas.network.counter import count_macs
from s2dnas.network.staged_net import Carry
from s2dnas.network.weights import static_weights
from s2dnas.space.division import search_space
from s2dnas.space.importance import by_importance
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build
from s2dnas.verification.findings import LogitCheck, PlanCheck, Verification

_log = logging.getLogger(__name__)


def verify(
    model: nn.Module,
    example: Tensor,
    rng: np.random.Generator,
    *,
    plans: int = 3,
    num_stages: int = 3,
    min_width: int = 1,
    importance: str = "l1",
) -> Verification:
    """Check random plans of a network for images like ``example`` (N, C, H, W).

    The model is left as it is: a copy in float64 is checked, with weights that hide nothing (``as_if_trained``).
    Raises ModelError or PlanError if it cannot be captured or divided.
    """
    subject = as_if_trained(model, rng)
    graph = by_importance(analyse_channels(trace(subject, example.double())), importance)
    space = search_space(graph, num_stages, min_width)
    return verify_plans(subject, graph, [space.sample(rng) for _ in range(plans)], rng)


def verify_plans(
    model: nn.Module, graph: ChannelGraph, plans: Sequence[Plan], rng: np.random.Generator
) -> Verification:
    """Check plans of a network that was captured in float64, and that with one stage it is the network itself."""
    device = next(iter(graph.traced.values.values())).device
    images = torch.from_numpy(rng.standard_normal((2, *graph.traced.image_shape))).to(device)
    return Verification(tuple(check_plan(model, graph, plan, images) for plan in [Plan(1, {}, {}), *plans]))


def check_plan(model: nn.Module, graph: ChannelGraph, plan: Plan, images: Tensor) -> PlanCheck:
    """Check one plan on images (N, C, H, W), N > 1, in the precision of ``model``.

    An error while the network is built or run is a result, not raised.
    """
    try:
        built = build(graph, plan)
        counted = count_macs(built, images[:1])
        comparisons = tuple(_comparisons(model, graph, plan, built, images))
    except Exception as error:  # whatever a wrongly built network raises is what was to be found
        _log.debug("plan %s", plan.key, exc_info=True)
        reason = next(iter(str(error).splitlines()), "")
        return PlanCheck(plan, failure=f"raised {type(error).__name__}: {reason}")
    return PlanCheck(plan, comparisons, tuple(built.macs), counted)


def as_if_trained(model: nn.Module, rng: np.random.Generator) -> nn.Module:
    """A copy in float64 and eval mode in which every weight matters.

    Fresh networks hide mistakes: norms that do nothing yet, and branches or classifiers that start at zero.
    """
    made = copy.deepcopy(model).double().eval()
    for module in made.modules():
        if isinstance(mean := getattr(module, "running_mean", None), Tensor):
            _fill(mean, rng.normal(0, 0.2, mean.shape))
            _fill(module.running_var, rng.uniform(0.5, 2, mean.shape))  # type: ignore[arg-type]
    for parameter in made.parameters():
        values = parameter.detach()
        if not bool((values == values.flatten()[:1]).all()):
            continue
        if sum(count > 1 for count in values.shape) > 1:
            _fill(values, rng.normal(0, values[0].numel() ** -0.5, values.shape))
        else:  # one number per channel: scales lie about one, shifts about zero
            centre = 0.0 if bool((values == 0).all()) else 1.0
            _fill(values, centre + rng.uniform(-0.5, 0.5, values.shape))
    return made


def _comparisons(
    model: nn.Module, graph: ChannelGraph, plan: Plan, built: MultiStageNet, images: Tensor
) -> Iterator[LogitCheck]:
    with torch.no_grad():
        logits = built(images)
        if plan.num_stages == 1 or _is_static_with_zeros(model, graph):
            own = [_own_logits(model, graph, plan, stage, images) for stage in range(plan.num_stages)]
            yield _compare("the user's module with forbidden weights zero", logits, torch.stack(own))
        if plan.num_stages == 1:
            return
        weights = static_weights(graph, plan.num_stages)
        masked = SharedNet(graph, weights).to(images.device).at(plan).eval()
        yield _compare("the masked network", logits, masked(images))
        yield _compare("the same sample in a batch", built(images[:1]), logits[:, :1])
        yield from _stage_by_stage(built, images, logits)
        with _WithoutChance():
            built.train(), masked.train()
            yield _compare("the masked network, in training mode", built(images), masked(images))
        built.eval(), masked.eval()
        yield _compare("the masked network, once training has moved running statistics", built(images), masked(images))


def _is_static_with_zeros(model: nn.Module, graph: ChannelGraph) -> bool:
    """Whether a stage is the user's module with some weights zero: each is a parameter, used in the body or in the
    tail, and no call reads all channels so far, which are more in the static network.
    """
    names = [layer.weight for layer in graph.mixing]
    reads_all = graph.cumulative or graph.per_stage
    return not reads_all and len(set(names)) == len(names) and set(names) <= dict(model.named_parameters()).keys()


def _own_logits(model: nn.Module, graph: ChannelGraph, plan: Plan, stage: int, images: Tensor) -> Tensor:
    """What the user's module makes of images when the weights that the plan forbids for one stage are zero."""
    masks, weights = stage_masks(graph, plan), {}
    for layer in graph.mixing:
        if (mask := masks.get(layer.nodes[0])) is not None and not bool(mask.all()):
            weight = model.get_parameter(layer.weight)
            allowed = mask[stage] if layer.in_tail else mask
            weights[layer.weight] = weight * allowed.reshape(*allowed.shape, *[1] * (weight.ndim - 2)).to(weight)
    logits: Tensor = functional_call(model, weights, (images,))
    return logits


def _stage_by_stage(built: MultiStageNet, images: Tensor, logits: Tensor) -> Iterator[LogitCheck]:
    """Stages one after the other, later ones on fewer samples and in another order."""
    samples, carry = torch.arange(len(images), device=images.device), cast(Carry, ())
    for index in range(built.num_stages):
        found, carry = built.stage(index, images[samples], carry)
        yield _compare(
            "the network as a whole, run on the samples that are left",
            found[None],
            logits[index : index + 1, samples],
            first=index,
        )
        staying = torch.arange(len(samples) - 1, -1, -1, device=images.device)[: max(len(samples) - 1, 1)]
        samples, carry = samples[staying], tuple(tensor[staying] for tensor in carry)


def _compare(what: str, found: Tensor, expected: Tensor, first: int = 0) -> LogitCheck:
    """Of logits (S, N, K) the stage that deviates most."""
    if found.shape != expected.shape:
        return LogitCheck(f"{what}, in shape: {tuple(found.shape)} is not {tuple(expected.shape)}", first + 1, inf)
    errors = (found - expected).abs().flatten(1).amax(1) / expected.abs().flatten(1).amax(1)
    worst = int(errors.nan_to_num(inf).argmax())
    error = float(errors[worst])
    return LogitCheck(what, first + worst + 1, error if isfinite(error) else inf)


class _WithoutChance(TorchFunctionMode):
    """Random slopes do nothing, and dropout scales by its rate, so that two passes in training mode can be compared."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "").partition(".")[0].rstrip("_")
        if name.endswith("dropout"):
            return args[0] * (1 + args[1]) if args[2] else args[0]
        if name == "rrelu":
            return args[0]
        return func(*args, **(kwargs or {}))


def _fill(tensor: Tensor, values: Any) -> None:
    tensor.copy_(torch.from_numpy(np.asarray(values)))
