"""The networks of a run, each with the weights that a step left for it."""

from torch import nn

from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.pipeline.run import CHECKPOINT, Run
from s2dnas.pipeline.settings import StartingWeights
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build
from s2dnas.training.checkpoint import load_checkpoint


def new_shared(run: Run, weights: nn.Module | None = None) -> SharedNet:
    """The shared network with the static network's weights, or those of another network of the same kind."""
    settings = run.settings
    source = run.graph if weights is None else run.with_weights_of(weights)
    return SharedNet(run.graph, static_weights(source, settings.space.num_stages), adds=settings.accumulate_logits)


def chosen(run: Run) -> MaskedNet:
    """The masked network of the plan, before its training."""
    return starting(run, _plan(run), run.settings.start)


def starting(run: Run, plan: Plan, start: StartingWeights) -> MaskedNet:
    """The masked network of any plan with the weights that its training begins with."""
    if start == "reconstructed":
        return reconstructed_at(run, plan)
    shared = new_shared(run, run.fresh_static() if start == "scratch" else None)
    if start == "shared":
        load_checkpoint(run.finished(f"shared/{CHECKPOINT}"), shared)
    return shared.at(plan)


def reconstructed_at(run: Run, plan: Plan) -> MaskedNet:
    """The masked network of a plan with the static weights, fitted to it."""
    weights = run.reconstruction.at(plan)
    return SharedNet(run.graph, weights, adds=run.settings.accumulate_logits).at(plan)


def trained(run: Run) -> MultiStageNet:
    """The trained multi-stage network of the plan."""
    net = new_shared(run).at(_plan(run))
    load_checkpoint(run.finished(f"train/{CHECKPOINT}"), net)
    return built(run, net)


def built(run: Run, net: MaskedNet) -> MultiStageNet:
    """The multi-stage network of a masked one, which holds what its plan lets it read and no more."""
    return build(run.graph, net.plan, net.weights(), adds=net.adds).to(run.compute.device)


def _plan(run: Run) -> Plan:
    plan = Plan.load(run.finished("plan.json"))
    run.space.encode(plan)
    return plan
