"""Walk a captured network once, carrying channel ids; where a rule does not hold, channels stay whole."""

import logging

import torch
from torch import Tensor, fx

from s2dnas.graph.calls import failure, operand
from s2dnas.graph.channels import ChannelGraph, Whole
from s2dnas.graph.conclusion import conclude
from s2dnas.graph.ops import rule_of
from s2dnas.graph.traced import Traced
from s2dnas.graph.units import Ids, NotDivisibleError, compress
from s2dnas.graph.walk import Walk, anywhere, parts_of

_log = logging.getLogger(__name__)


def analyse_channels(traced: Traced) -> ChannelGraph:
    """Find the couplings, mixing layers and tail of a captured network.

    Raises ModelError if it has no convolution or linear layer that can be divided.
    """
    walk = Walk(traced)
    for node in traced.graph.nodes:
        if node.op == "call_function" and node.name not in traced.scalars:
            _visit(walk, node)
    return conclude(walk)


def _visit(walk: Walk, node: fx.Node) -> None:
    """Apply the rule of a call; without one, or where it does not hold, keep the channels whole."""
    try:
        ids = _by_rule(walk, node)
    except NotDivisibleError as error:
        ids = _keep_whole(walk, node, str(error))
    except Exception as error:  # a rule that raises, a user's included, is no rule
        _log.debug("rule of %s", node, exc_info=True)
        ids = _keep_whole(walk, node, f"its rule raised {failure(error)}")
    walk.layouts[node.name] = ids
    _record_versions(walk, node)


def _by_rule(walk: Walk, node: fx.Node) -> Ids:
    if (rule := rule_of(node)) is None:
        raise NotDivisibleError("no rule for this operator")
    samples = walk.traced.samples.get(node.name)
    if samples is None and node.name not in walk.traced.constants:
        raise NotDivisibleError("the samples of its result cannot be told apart")
    ids = rule(walk, node)
    # Channels that share an axis with samples could only be divided together with the samples.
    if samples is not None and any(part.ndim and part.shape[samples.axis] > 1 for part in parts_of(ids)):
        raise NotDivisibleError("its channels lie along the axis of the samples")
    return compress(ids, walk.units) if isinstance(ids, Tensor) else ids


def _keep_whole(walk: Walk, node: fx.Node, reason: str) -> Ids:
    """Ids of a result that is one unit; neither it nor what it is computed from can be divided.

    A result that does not depend on the image belongs anywhere: every stage computes it.
    """
    walk.forget(node)
    for source in node.all_input_nodes:
        walk.fix(source, reason)
    shapes = walk.shape(node)
    several = bool(shapes) and isinstance(shapes[0], tuple)
    ranks = [len(shape) for shape in (shapes if several else [shapes])]
    if node.name in walk.traced.constants:
        return tuple(map(anywhere, ranks)) if several else anywhere(ranks[0])
    walk.whole.setdefault(node.name, Whole.of(node, reason))
    parts = tuple(walk.units.fresh(1).view((1,) * rank) for rank in ranks)
    for part in parts:
        walk.units.fix(part, reason)
    return parts if several else parts[0]


def _record_versions(walk: Walk, node: fx.Node) -> None:
    """Record a value without channels that is computed from channels, or from such a value: stages have their own."""
    sources = [walk.per_stage[source.name] for source in node.all_input_nodes if source.name in walk.per_stage]
    if node.name in walk.cumulative:
        sources.append(walk.ids(operand(node)).flatten())
    if sources and not any(bool(part.any()) for part in parts_of(walk.layouts[node.name])):
        walk.per_stage[node.name] = torch.cat(sources)
