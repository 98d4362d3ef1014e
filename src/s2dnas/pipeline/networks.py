"""The networks of a run, each with the weights that a step left for it."""

from s2dnas.network.build import MultiStageNet, build
from s2dnas.network.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.pipeline.run import CHECKPOINT, Run
from s2dnas.space.plan import Plan
from s2dnas.training.checkpoint import load_checkpoint


def new_shared(run: Run) -> SharedNet:
    """The shared network with the static network's weights."""
    return SharedNet(run.traced, run.graph, static_weights(run.traced, run.graph, run.settings.space.num_stages))


def chosen(run: Run) -> MaskedNet:
    """The masked network of the plan, before its training."""
    plan, shared = Plan.load(run.finished("plan.json")), new_shared(run)
    run.space.encode(plan)
    if run.settings.start == "shared":
        load_checkpoint(run.finished(f"shared/{CHECKPOINT}"), shared)
    return shared.at(plan)


def trained(run: Run) -> MultiStageNet:
    """The trained multi-stage network of the plan."""
    net = chosen(run)
    load_checkpoint(run.finished(f"train/{CHECKPOINT}"), net)
    return build(run.traced, run.graph, net.plan, net.weights()).to(run.fabric.device)
