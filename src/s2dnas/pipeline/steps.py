"""The steps of a run: train the static network, search a plan, train its network, calibrate, evaluate."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2dnas.artifacts import read_json, write_json
from s2dnas.errors import BudgetError
from s2dnas.evaluation.collect import collect, static_accuracy
from s2dnas.exits import ExitRule, for_accuracy, for_budget, frontier
from s2dnas.graph.analysis import analyse
from s2dnas.graph.trace import trace
from s2dnas.network.build import MultiStageNet, build
from s2dnas.network.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.pipeline.run import Run
from s2dnas.search.evaluators import Objective as SearchObjective
from s2dnas.search.evaluators import shared_evaluator
from s2dnas.search.journal import Entry
from s2dnas.search.loop import best, search
from s2dnas.search.strategy import make_strategy
from s2dnas.space.division import search_space
from s2dnas.space.plan import Plan
from s2dnas.training.checkpoint import load_checkpoint
from s2dnas.training.loop import Objective, Progress, fit
from s2dnas.training.losses import multi_exit_loss
from s2dnas.training.recipe import Recipe

Loss = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]


def check(run: Run) -> None:
    """Refuse before work starts: a network that cannot be captured, data that does not fit, more stages than pieces."""
    traced = trace(run.new_static(), torch.zeros(1, *run.splits.train.image_shape))
    search_space(analyse(traced), run.settings.space.num_stages, run.settings.space.min_width)


def train_static(run: Run) -> None:
    """Train the static network, or finetune the given weights."""
    model = run.new_static()
    _fit(run, "static", model, run.settings.static, lambda net, x, y, _: F.cross_entropy(net(x), y))


def train_equal(run: Run) -> None:
    """Train the static network on, for as many epochs as the chosen one and by its recipe, to compare."""
    model = run.trained_static("static")
    _fit(run, "equal", model, run.settings.train, lambda net, x, y, _: F.cross_entropy(net(x), y))


def find_plan(run: Run) -> None:
    """Train the shared network over sampled plans, then search with it; the best plan goes to plan.json."""
    shared = new_shared(run)
    teacher, space, weights = run.static, run.space, run.settings.loss

    def loss(net: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
        return multi_exit_loss(net(x, space.sample(rng)), y, _teach(teacher, x), weights)

    _fit(run, "shared", shared, run.settings.shared, loss)
    best(_search(run, shared)).plan.save(run.folder / "plan.json")


def train_plan(run: Run) -> None:
    """Train the network of the plan, as a masked network: one static pass gives the logits of all stages."""
    net = chosen(run)
    teacher, weights = run.static, run.settings.loss
    _fit(
        run, "train", net, run.settings.train, lambda n, x, y, _: multi_exit_loss(n(x), y, _teach(teacher, x), weights)
    )


def calibrate(run: Run) -> None:
    """Choose thresholds for every target on the calibration split."""
    table = collect(trained(run), run.plain(run.splits.calibrate), run.settings.exits.confidence)
    table.save(run.folder / "calibrate.npz")
    front, static = frontier(table), run.graph.macs
    floor = static_accuracy(run.static, run.plain(run.splits.calibrate))
    targets = {
        f"macs <= {share:.0%} of static": partial(for_budget, front, share * static)
        for share in run.settings.exits.budgets
    }
    for points in run.settings.exits.losses:
        targets[f"at most {points:g} points under static"] = partial(for_accuracy, front, floor - points / 100)
    rules: dict[str, dict[str, object]] = {}
    unreached: dict[str, str] = {}
    for target, choose in targets.items():
        try:
            rules[target] = choose().to_dict()
        except BudgetError as error:
            unreached[target] = str(error)
    write_json(run.folder / "rules.json", "rules", {"rules": rules, "unreached": unreached})


def evaluate(run: Run) -> None:
    """Answer the test split: the dynamic network's exit table, and the static networks' accuracies."""
    rules(run)  # the test split is not read before thresholds are set
    collect(trained(run), run.plain(run.splits.test), run.settings.exits.confidence).save(run.folder / "test.npz")
    accuracies = {"static": static_accuracy(run.static, run.plain(run.splits.test))}
    if run.settings.equal:
        accuracies["equal"] = static_accuracy(run.trained_static("equal"), run.plain(run.splits.test))
    write_json(run.folder / "static.json", "static", accuracies)


def new_shared(run: Run) -> SharedNet:
    """The shared network with the static network's weights."""
    return SharedNet(run.traced, run.graph, static_weights(run.traced, run.graph, run.settings.space.num_stages))


def chosen(run: Run) -> MaskedNet:
    """The masked network of the plan, before its training."""
    plan, shared = Plan.load(run.finished("plan.json")), new_shared(run)
    run.space.encode(plan)
    if run.settings.start == "shared":
        load_checkpoint(run.finished("shared/checkpoint.safetensors"), shared)
    return shared.at(plan)


def trained(run: Run) -> MultiStageNet:
    """The trained multi-stage network of the plan."""
    net = chosen(run)
    load_checkpoint(run.finished("train/checkpoint.safetensors"), net)
    return build(run.traced, run.graph, net.plan, net.weights()).to(run.fabric.device)


def rules(run: Run) -> dict[str, ExitRule]:
    """The calibrated rule of each target that can be reached."""
    content = read_json(run.finished("rules.json"), "rules")
    return {target: ExitRule.from_dict(rule) for target, rule in content["rules"].items()}


def _search(run: Run, shared: SharedNet) -> list[Entry]:
    settings = run.settings.search
    strategy = make_strategy(settings.strategy, run.space, run.seed("search"), run.settings.controller)
    images = next(iter(run.plain(run.splits.train, settings.norm_images)))[0]
    picked = run.splits.search.subset(torch.arange(min(settings.images, len(run.splits.search))))
    objective = SearchObjective(
        static_macs=run.graph.macs,
        budget=settings.budget * run.graph.macs,
        exponent=settings.exponent,
        confidence=run.settings.exits.confidence,
        resolution=settings.resolution,
    )
    evaluator = shared_evaluator(shared, [images], list(run.plain(picked)), objective)

    def tell(index: int, entry: Entry) -> None:
        run.watch("search", Progress(index + 1, settings.evaluations, -entry.score.reward))

    return search(strategy, evaluator, settings.evaluations, settings.batch, run.folder / "journal.jsonl", tell)


def _fit(run: Run, step: str, module: nn.Module, recipe: Recipe, loss: Loss) -> None:
    batches, count = run.training(recipe.batch_size)
    fit(
        Objective(module, loss, batches, count),
        recipe,
        fabric=run.fabric,
        checkpoint=run.folder / step / "checkpoint.safetensors",
        seed=run.seed(step),
        on_progress=lambda progress: run.watch(step, progress),
    )


def _teach(teacher: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = teacher(images)
    return logits
