"""Refuse what cannot work before any work starts."""

import torch

from s2dnas.data.augment import Augmentation
from s2dnas.errors import BudgetError
from s2dnas.extras import require_extra
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.trace import trace
from s2dnas.inherit.copies import with_copies
from s2dnas.pipeline.feed import DataFeed
from s2dnas.pipeline.pricing import Pricing
from s2dnas.pipeline.settings import Settings
from s2dnas.pipeline.statics import StaticNetworks
from s2dnas.profile.table import LatencyTable
from s2dnas.search.policy import with_policy
from s2dnas.search.registry import make_strategy
from s2dnas.space.division import pieces_in_words, search_space


def check(settings: Settings, feed: DataFeed, statics: StaticNetworks, table: LatencyTable | None) -> None:
    """Raise for a network that cannot be captured, data or latencies that do not fit, too many stages, budgets out of
    reach, a strategy whose library is not installed, or without the policy that weights are to be trained by.
    """
    if settings.augmentation != Augmentation(crop=False, flip=False):
        require_extra("data", "kornia")
    if settings.search.executor == "ray":
        require_extra("ray", "ray")
    stages = settings.space.num_stages
    settings.loss.per_stage(stages)
    graph = analyse_channels(trace(statics.new(), torch.zeros(1, *feed.image_shape)))
    divided = with_copies(graph, settings.space.copies, feed.norm_images[:2].cpu())
    space = search_space(divided, stages, settings.min_width)
    pricing = Pricing(settings, divided, graph, table)
    pricing.times  # noqa: B018  a table of another network is refused
    # One piece for stage 1 in every coupling is as cheap as an exit can be.
    cheapest = float(pricing.cost.shares(space.uniform([1e-9, *[1.0] * (stages - 1)]))[0])
    for name, budgets in {"search.budgets": settings.search.budgets, "exits.budgets": settings.exits.budgets}.items():
        if (budget := min(budgets, default=1.0)) < cheapest:
            raise BudgetError(
                f"{name} asks for {budget:.1%} of the static {pricing.cost.unit}, but a first stage needs "
                f"{cheapest:.1%} at least, in {pieces_in_words(settings.min_width)}; raise the budget or lower "
                "space.min_width"
            )
    # Made to be thrown away: without its library, or without a plan that keeps the limits, there is none.
    limits = pricing.limits(space)
    strategy = make_strategy(settings.search.chosen_strategy, space, 0, settings.controller, limits)
    if settings.search.weights == "alternating":
        with_policy(strategy)
