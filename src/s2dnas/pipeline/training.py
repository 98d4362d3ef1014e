"""The trainings of a run: the static network, the shared network, the network of the plan."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from s2dnas.evaluation.collect import collect, static_accuracy
from s2dnas.masked.features import Features
from s2dnas.masked.interpreter import nothing
from s2dnas.masked.shared import MaskedNet, SharedNet, static_network
from s2dnas.pipeline.run import Run
from s2dnas.space.profiles import draw_around_a_profile
from s2dnas.training.loop import TrainingTask, fit, unprepared
from s2dnas.training.losses import LabelLoss, feature_distillation, multi_exit_loss
from s2dnas.training.recipe import Recipe

Loss = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]
Validate = Callable[[], dict[str, float]]
Prepare = Callable[[float], None]


def train_static(run: Run) -> None:
    """Train the static network, or finetune the given weights; no epochs leave them as they are."""
    _fit_static(run, "static", run.statics.new(), run.settings.static)


def train_control(run: Run) -> None:
    """Train the static network on, for as many epochs as the dynamic one got, if the settings ask for a control."""
    if run.settings.control:
        _fit_static(run, "control", run.statics.after("static"), run.settings.continued)


def train_shared(run: Run, shared: SharedNet) -> None:
    """Train the shared network, each step on a plan that is drawn from the space."""
    space = run.study.space

    def loss(net: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        return _taught(run, net(x, draw_around_a_profile(space, rng)), x, y)

    fit_step(run, "shared", shared, run.settings.shared, loss)


@dataclass
class PlanLoss:
    """What the network of a plan is trained for: the labels, and the static network's answers.

    ``progress`` is the share of the training that is done, for weights that change with it.
    """

    run: Run
    progress: float = 1.0

    def __call__(self, net: nn.Module, x: Tensor, y: Tensor, _: torch.Generator) -> Tensor:
        """The scalar that the training loop minimises, for images (N, C, H, W) and labels (N,)."""
        return _taught(self.run, net(x), x, y, self.progress)


class FeatureLoss(PlanLoss):
    """The same, and in the beginning the static network's features, channel by channel."""

    def __init__(self, run: Run, net: MaskedNet) -> None:
        super().__init__(run)
        net.before = self._own = Features(run.study.graph)
        self._teacher = static_network(run.study.graph).to(run.fabric.device)
        self._teacher.before = self._static = Features(run.study.graph)

    def __call__(self, net: nn.Module, x: Tensor, y: Tensor, _: torch.Generator) -> Tensor:
        """The scalar that the training loop minimises, for images (N, C, H, W) and labels (N,)."""
        weights = self.run.settings.loss
        with torch.no_grad(), self.run.fabric.autocast():
            answers = self._teacher(x)[0]
        logits = net(x)
        gap = feature_distillation(self._own.take(), self._static.take())
        loss = multi_exit_loss(logits, y, answers, weights, self.progress)
        return loss + weights.features * (1 - self.progress) * gap


def train_plan(run: Run) -> None:
    """Train the network of the plan."""
    net = run.networks.starting(run.networks.plan(), run.settings.start)
    fit_plan(run, "train", net, run.settings.train)


def fit_plan(run: Run, step: str, net: MaskedNet, recipe: Recipe) -> None:
    """Train a plan's network, as a masked network: one static pass gives the logits of all stages."""
    loss = FeatureLoss(run, net) if run.settings.loss.features else PlanLoss(run)
    fade = run.settings.fade

    def validate() -> dict[str, float]:
        net.keep = 0.0
        accuracies = collect(net, run.feed.plain(run.feed.splits.search)).stage_accuracy
        return {f"stage {stage + 1}": float(accuracy) for stage, accuracy in enumerate(accuracies)}

    def prepare(progress: float) -> None:
        loss.progress = progress
        net.keep = max(0.0, 1 - progress / fade) if fade else 0.0

    net.carry_gradient = run.settings.carry_gradient
    fit_step(run, step, net, recipe, loss, validate, prepare)
    net.before = nothing


def _fit_static(run: Run, step: str, model: nn.Module, recipe: Recipe) -> None:
    def validate() -> dict[str, float]:
        return {"accuracy": static_accuracy(model, run.feed.plain(run.feed.splits.search))}

    fit_step(run, step, model, recipe, LabelLoss(run.settings.loss.label_smoothing), validate)


def fit_step(
    run: Run,
    step: str,
    module: nn.Module,
    recipe: Recipe,
    loss: Loss,
    validate: Validate = dict,
    prepare: Prepare = unprepared,
) -> None:
    """Train a module on the run's training split, or go on with it; its state is kept in the step's folder."""
    batches, count = run.feed.training(recipe.batch_size)
    fit(
        TrainingTask(module, loss, batches, count, validate, prepare),
        recipe,
        fabric=run.fabric,
        checkpoint=run.folder.checkpoint(step),
        seed=run.seeds.of(step),
        on_progress=lambda progress: run.watch(step, progress),
    )


def _taught(run: Run, logits: Tensor, images: Tensor, labels: Tensor, progress: float = 1.0) -> Tensor:
    """The loss of all stages; the static network answers only if something is distilled from it."""
    weights = run.settings.loss
    teacher: Tensor | None = None
    if weights.distillation > 0:
        with torch.no_grad(), run.fabric.autocast():
            teacher = run.statics.trained(images)
    return multi_exit_loss(logits, labels, teacher, weights, progress)
