"""Each method on the same run: the same splits, batches and number of epochs, thresholds from the calibration split.

What starts from the trained static network trains for as many epochs as the shared and the chosen network of s2dnas
together; what starts from fresh weights, for the static network's epochs on top.
"""

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from s2dnas.artifacts import read_json, write_json
from s2dnas.baselines import branchynet as branchynets
from s2dnas.baselines import msdnet as msdnets
from s2dnas.baselines.adaptive import AdaptiveNet, adaptive_outcomes
from s2dnas.baselines.blockdrop import blockdrop
from s2dnas.baselines.blockdrop_training import CurriculumLoss, FinetuningLoss
from s2dnas.baselines.joint_loss import JointLoss
from s2dnas.baselines.lccl import lccl
from s2dnas.baselines.naive import cascade
from s2dnas.baselines.q_family import q_family
from s2dnas.comparison.measured import Found, Measured, by_outcomes, by_rules, by_thresholds
from s2dnas.comparison.methods import METHODS
from s2dnas.comparison.settings import CompareSettings
from s2dnas.evaluation.collect import collect
from s2dnas.exits import ExitTable
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import search_seconds
from s2dnas.pipeline.steps import do
from s2dnas.pipeline.training import fit_plan, fit_step
from s2dnas.training.checkpoint import read_history, training_seconds
from s2dnas.training.label_loss import LabelLoss
from s2dnas.training.recipe import Recipe

Contender = Callable[[Run, CompareSettings], Measured]


def contender(method: str) -> Contender:
    """What trains and measures a method of ``METHODS``."""
    found: Contender = globals()[METHODS[method]]
    return found


def measure(method: str, run: Run, settings: CompareSettings) -> Measured:
    """Train a method as far as it is not trained yet, and measure it; what is finished is only read.

    Raises ModelError if the method does not apply to the network.
    """
    path = run.folder.path / method / "measured.json"
    if not path.exists():
        do(run, "static")
        write_json(path, "measured", contender(method)(run, settings).model_dump(mode="json"))
    return Measured.model_validate(read_json(path, "measured"))


def measure_s2dnas(run: Run, settings: CompareSettings) -> Measured:
    """Search, train and calibrate as the run's settings say."""
    for step in ("search", "train", "calibrate", "evaluate"):
        do(run, step)
    calibrate, test = (ExitTable.load(run.folder.finished(f"{name}.npz")) for name in ("calibrate", "test"))
    found = _by_thresholds(run, settings, calibrate, test)
    shared = ["shared"] if run.settings.search.weights == "shared" else []
    measured = _measured(run, found, run.networks.trained(), *shared, "train")
    return measured.model_copy(update={"search_seconds": search_seconds(run.folder)})


def measure_naive_uniform(run: Run, settings: CompareSettings) -> Measured:
    """The static network in equal shares, without search or copies."""
    run = run.without_copies()
    start = "static" if run.settings.start == "shared" else run.settings.start
    net = run.networks.starting(run.study.space.uniform(), start)
    fit_plan(run, "naive-uniform", net, run.settings.continued)
    return _collected(run, settings, "naive-uniform", run.networks.built(net))


def measure_naive_cascade(run: Run, settings: CompareSettings) -> Measured:
    """Slim copies of the static network, one after the other."""
    net = cascade(run.statics.graph, settings.cascade)
    fit_step(run, "naive-cascade", net, run.settings.continued, _joint_loss(run))
    return _collected(run, settings, "naive-cascade", net)


def measure_branchynet(run: Run, settings: CompareSettings) -> Measured:
    """The static network with branches at its side, left by entropy."""
    with run.seeds.drawing("branchynet"):
        net = branchynets.branchynet(run.statics.graph.traced, settings.branchynet)
    fit_step(run, "branchynet", net, run.settings.continued, _joint_loss(run, settings.branchynet.alpha))
    return _collected(run, settings, "branchynet", net, branchynets.BRANCHYNET_CONFIDENCE)


def measure_msdnet(run: Run, settings: CompareSettings) -> Measured:
    """MSDNet with thresholds set as ours are."""
    return _collected(run, settings, "msdnet", _trained_msdnet(run, settings))


def measure_msdnet_q(run: Run, settings: CompareSettings) -> Measured:
    """The same network as ``msdnet``, with thresholds and confidence of its own kind."""
    net = _trained_msdnet(run, settings)
    calibrate, test = (
        _table(run, "msdnet-q", net, split, msdnets.MSDNET_CONFIDENCE) for split in ("calibrate", "test")
    )
    found = by_rules(q_family(calibrate), calibrate, test, run.statics.graph.macs, settings.budgets)
    return _measured(run, found, net, "msdnet")


def measure_lccl(run: Run, settings: CompareSettings) -> Measured:
    """LCCL, whose gates save positions."""
    with run.seeds.drawing("lccl"):
        net = lccl(run.statics.trained, settings.lccl, run.feed.image_shape)
    fit_step(run, "lccl", net, _from_scratch(run), LabelLoss(run.settings.loss.label_smoothing))
    return _adaptive(run, settings, net, "lccl")


def measure_blockdrop(run: Run, settings: CompareSettings) -> Measured:
    """BlockDrop: first its curriculum, then joint finetuning."""
    with run.seeds.drawing("blockdrop"):
        net = blockdrop(run.statics.trained, run.feed.image_shape)
    continued = run.settings.continued
    rate = settings.blockdrop_rate
    first = replace(continued, epochs=continued.epochs // 2, optimizer="adamw", learning_rate=rate)
    second = replace(first, epochs=continued.epochs - first.epochs, learning_rate=rate / 10)
    net.base.requires_grad_(False)
    fit_step(run, "blockdrop-policy", net, first, CurriculumLoss(settings.blockdrop))
    net.base.requires_grad_(True)
    fit_step(run, "blockdrop", net, second, FinetuningLoss(settings.blockdrop))
    return _adaptive(run, settings, net, "blockdrop-policy", "blockdrop")


def _from_scratch(run: Run) -> Recipe:
    static = run.settings.static
    return replace(static, epochs=static.epochs + run.settings.continued.epochs)


def _joint_loss(run: Run, alpha: tuple[float, ...] = ()) -> JointLoss:
    return JointLoss(alpha, run.settings.loss.label_smoothing)


def _trained_msdnet(run: Run, settings: CompareSettings) -> MultiExitNet:
    with run.seeds.drawing("msdnet"):
        net = msdnets.msdnet(settings.msdnet, run.feed.num_classes, run.feed.image_shape)
    recipe = _from_scratch(run)
    rate = settings.msdnet_rate or recipe.learning_rate
    fit_step(run, "msdnet", net, replace(recipe, learning_rate=rate), _joint_loss(run))
    return net


def _collected(
    run: Run, settings: CompareSettings, step: str, net: MultiExitNet, confidence: str | None = None
) -> Measured:
    calibrate, test = (_table(run, step, net, split, confidence) for split in ("calibrate", "test"))
    return _measured(run, _by_thresholds(run, settings, calibrate, test), net, step)


def _by_thresholds(run: Run, settings: CompareSettings, calibrate: ExitTable, test: ExitTable) -> Found:
    expected = run.settings.exits.expected
    return by_thresholds(calibrate, test, run.statics.graph.macs, settings.budgets, expected=expected)


def _table(run: Run, step: str, net: MultiExitNet, split: str, confidence: str | None = None) -> ExitTable:
    """What the trained network answers on a split; kept beside its checkpoint."""
    path = run.folder.path / step / f"{split}.npz"
    if not path.exists():
        batches = run.feed.plain(getattr(run.feed.splits, split))
        collect(net, batches, confidence or run.settings.exits.confidence).save(path)
    return ExitTable.load(path)


def _adaptive(run: Run, settings: CompareSettings, net: AdaptiveNet, *steps: str) -> Measured:
    outcomes = adaptive_outcomes(net, run.feed.plain(run.feed.splits.test))
    found = by_outcomes(outcomes, run.statics.graph.macs, settings.budgets)
    return _measured(run, found, net, *steps).model_copy(update={"accounts": net.accounts(outcomes)})


def _measured(run: Run, found: Found, net: nn.Module, *steps: str) -> Measured:
    history = [record for step in steps for record in read_history(run.folder.checkpoint(step))]
    points, at_budgets = found
    return Measured(
        points=points,
        at_budgets=at_budgets,
        params=sum(p.numel() for p in net.parameters()),
        epochs=len(history),
        seconds=training_seconds(history),
    )
