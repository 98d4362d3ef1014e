"""Methods of several exits that are trained jointly by labels alone: slim copies, BranchyNet, MSDNet."""

from dataclasses import replace

from s2dnas.baselines.branchynet import BRANCHYNET_CONFIDENCE, branchynet
from s2dnas.baselines.joint_loss import JointLoss
from s2dnas.baselines.msdnet import MSDNET_CONFIDENCE, msdnet
from s2dnas.baselines.naive import cascade
from s2dnas.baselines.q_family import q_family
from s2dnas.comparison.evaluated import exit_table, multi_exit_result, with_spending
from s2dnas.comparison.measured import MethodResult, by_rules
from s2dnas.comparison.method_settings import MethodSettings
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import fit_step, on_search


def measure_naive_cascade(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of slim copies of the static network, of which none re-uses what another computed."""
    net = cascade(run.statics.graph, settings.cascade)
    fit_step(run, "naive-cascade", net, run.settings.continued, _joint_loss(run), on_search(run, net), fresh=False)
    return multi_exit_result(run, settings, "naive-cascade", net)


def measure_branchynet(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of branches beside the static network, left by entropy."""
    with run.seeds.drawing("branchynet"):
        net = branchynet(run.statics.graph.traced, settings.branchynet)
    loss = _joint_loss(run, settings.branchynet.alpha)
    fit_step(run, "branchynet", net, run.settings.continued, loss, on_search(run, net), fresh=False)
    return multi_exit_result(run, settings, "branchynet", net, BRANCHYNET_CONFIDENCE)


def measure_msdnet(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of MSDNet with the confidence and the thresholds that s2dnas has."""
    return multi_exit_result(run, settings, "msdnet", _trained_msdnet(run, settings))


def measure_msdnet_q(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of the same network as ``msdnet``, with the confidence and the thresholds of its authors."""
    net = _trained_msdnet(run, settings)
    calibrate, test = (exit_table(run, "msdnet-q", net, split, MSDNET_CONFIDENCE) for split in ("calibrate", "test"))
    accuracies = by_rules(q_family(calibrate), calibrate, test, run.statics.graph.macs, settings.budgets)
    return with_spending(accuracies, run.folder, net, "msdnet")


def _trained_msdnet(run: Run, settings: MethodSettings) -> MultiExitNet:
    with run.seeds.drawing("msdnet"):
        net = msdnet(settings.msdnet, run.feed.num_classes, run.feed.image_shape)
    recipe = run.settings.from_scratch
    recipe = replace(recipe, learning_rate=settings.msdnet_rate or recipe.learning_rate)
    fit_step(run, "msdnet", net, recipe, _joint_loss(run), on_search(run, net), fresh=True)
    return net


def _joint_loss(run: Run, alpha: tuple[float, ...] = ()) -> JointLoss:
    return JointLoss(alpha, run.settings.loss.label_smoothing)
