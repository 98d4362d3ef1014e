"""The trainings of a run: the static network, the shared network, the network of the plan."""

from collections.abc import Callable

from torch import nn

from s2dnas.evaluation.collect import stage_accuracies, static_accuracy
from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.pipeline.run import Run
from s2dnas.training.label_loss import LabelLoss
from s2dnas.training.learning_rate import chosen_rate
from s2dnas.training.loop import TrainingTask, fit
from s2dnas.training.moment import Loss
from s2dnas.training.recipe import Recipe
from s2dnas.training.shared_loss import PlanSampler, SharedLoss
from s2dnas.training.stage_loss import StageLoss

Validate = Callable[[], dict[str, float]]


def train_static(run: Run) -> None:
    """Train the static network, or finetune the given weights; no epochs leave them as they are."""
    _fit_static(run, "static", run.statics.new(), run.settings.static, fresh=run.start.weights is None)


def train_control(run: Run) -> None:
    """Train the static network on, for as many epochs as the dynamic one got, if the settings ask for a control."""
    if run.settings.control:
        _fit_static(run, "control", run.statics.after("static"), run.settings.continued, fresh=False)


def train_shared(run: Run, shared: SharedNet, draw: PlanSampler, until: int | None = None) -> None:
    """Train the shared network, each step on a plan that is drawn, until so many epochs are done; None: all."""
    loss = SharedLoss(draw, run.statics.trained, run.settings.loss)
    fit_step(run, "shared", shared, run.settings.shared, loss, fresh=False, until=until)


def train_plan(run: Run) -> None:
    """Train the network of the plan."""
    net = run.networks.starting(run.networks.plan(), run.settings.start)
    fit_plan(run, "train", net, run.settings.train)


def fit_plan(run: Run, step: str, net: MaskedNet, recipe: Recipe) -> None:
    """Train a plan's network, as a masked network: one static pass gives the logits of all stages."""
    settings = run.settings
    # Where features are distilled, one pass of the captured network gives features and answers.
    teacher = None if settings.loss.features else run.statics.trained
    loss = StageLoss(teacher, settings.loss, fade=settings.fade, carry_gradient=settings.carry_gradient)
    fit_step(run, step, net, recipe, loss, on_search(run, net), fresh=_fresh(run))


def plan_rate(run: Run) -> float:
    """The learning rate of the training of the plan's network: as set, or as chosen."""
    recipe = run.settings.train
    _, count = run.feed.training(recipe.batch_size)
    return recipe.learning_rate or chosen_rate(recipe, count, fresh=_fresh(run))


def _fresh(run: Run) -> bool:
    """Whether the network of a plan starts with weights that know nothing."""
    return run.settings.start == "scratch"


def on_search(run: Run, net: MultiExitNet) -> Validate:
    """What chooses the best epoch of a training: the accuracies of all stages on the search split."""
    return lambda: stage_accuracies(net, run.feed.plain(run.feed.splits.search))


def _fit_static(run: Run, step: str, model: nn.Module, recipe: Recipe, *, fresh: bool) -> None:
    def validate() -> dict[str, float]:
        return {"accuracy": static_accuracy(model, run.feed.plain(run.feed.splits.search))}

    fit_step(run, step, model, recipe, LabelLoss(run.settings.loss.label_smoothing), validate, fresh=fresh)


def fit_step(
    run: Run,
    step: str,
    module: nn.Module,
    recipe: Recipe,
    loss: Loss,
    validate: Validate = dict,
    *,
    fresh: bool,
    until: int | None = None,
) -> None:
    """Train a module on the run's training split, or go on with it; its state is kept in the step's folder.

    ``fresh``: its weights know nothing yet; ``until`` as in ``fit``. Who watches sees the trainings of one folder, such
    as ``trials/PLAN``, under its name.
    """
    name, *_ = step.split("/")
    batches, count = run.feed.training(recipe.batch_size)
    fit(
        TrainingTask(module, loss, batches, count, validate, len(run.feed.splits.search), fresh),
        recipe,
        compute=run.compute,
        checkpoint=run.folder.checkpoint(step),
        seed=run.seeds.of(step),
        until=until,
        on_progress=lambda progress: run.watch(name, progress),
    )
