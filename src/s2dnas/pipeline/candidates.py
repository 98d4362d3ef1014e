"""The weights that candidate plans are scored with, where none are trained for them alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from s2dnas.inherit.norms import with_recalibrated_norms
from s2dnas.masked.shared import MaskedNet
from s2dnas.pipeline.alternating import alternating_turns
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import train_shared
from s2dnas.search.strategy import Strategy
from s2dnas.search.turns import ONE_TURN, Turns
from s2dnas.space.plan import Plan
from s2dnas.training.shared_loss import around_profiles


def without_turns(_: Strategy) -> Turns:
    """Weights stay as they are, whatever the strategy does."""
    return ONE_TURN


@dataclass(frozen=True, eq=False)
class CandidateWeights:
    """``network_of``: the network of a plan, with the weights that are there by then; ``turns`` of a strategy's search
    say when these change.
    """

    network_of: Callable[[Plan], MaskedNet]
    turns: Callable[[Strategy], Turns] = without_turns


def candidate_weights(run: Run) -> CandidateWeights:
    """Weights that are fitted to each plan, or those of the shared network.

    It is trained now where it does not depend on the search.
    """
    if not run.settings.search.trains_shared:
        return CandidateWeights(run.networks.reconstructed)
    shared = run.networks.shared()
    network_of = partial(with_recalibrated_norms, shared, batches=[run.feed.norm_images])
    if run.settings.search.weights == "alternating":
        return CandidateWeights(network_of, partial(alternating_turns, run, shared))
    train_shared(run, shared, around_profiles(run.study.space))
    return CandidateWeights(network_of)
