"""From a trained static network to a dynamic one in one call, with the user's own loaders."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sized
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from s2dnas.api.calibrating import calibrate
from s2dnas.api.finding import find_plan
from s2dnas.api.loaders import Loader, OnDevice, Part, check_loader, first_batch, gathered
from s2dnas.api.network import Network, analyse
from s2dnas.artifacts import read_json, write_json
from s2dnas.errors import ArtifactError
from s2dnas.evaluation.collect import stage_accuracies
from s2dnas.exits import ExitRule
from s2dnas.masked.shared import MaskedNet
from s2dnas.saving.writing import save
from s2dnas.search.journal import Entry
from s2dnas.space.costs import Cost
from s2dnas.space.division import PieceWidth
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet
from s2dnas.training.compute import Compute
from s2dnas.training.loop import Progress, TrainingTask, fit
from s2dnas.training.loss_weights import LossWeights
from s2dnas.training.recipe import Recipe
from s2dnas.training.stage_loss import StageLoss

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conversion:
    """How a network is converted; the defaults are those of the command line.

    ``min_width``: the smallest piece, in channels; None: 4, or aligned pieces where the cost is another than
    multiply-adds. ``copies``: the share of channels that exist twice, for wider later stages. ``search_images`` and
    ``fit_images``: how many held-out images score a plan, and how many training images its weights are fitted on.
    """

    num_stages: int = 3
    min_width: PieceWidth | None = None
    copies: float = 0.0
    evaluations: int = 200
    search_images: int = 2500
    fit_images: int = 512
    recipe: Recipe = field(default_factory=Recipe)
    loss: LossWeights = field(default_factory=LossWeights)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Converted:
    """The dynamic network, the rule for the budget, and the plan that was found."""

    network: MultiStageNet
    rule: ExitRule
    plan: Plan


def convert(
    model: nn.Module,
    train_loader: Loader,
    held_out_loader: Loader,
    *,
    budget: float = 0.5,
    cost: Callable[[Network], Cost] = Network.mac_cost,
    epochs: int = 30,
    folder: Path | str | None = None,
    how: Conversion | None = None,
    on_progress: Callable[[str, Progress], None] | None = None,
) -> Converted:
    """Turn a trained static network into a dynamic one that keeps a budget, a share of the static cost, on average.

    Loaders yield images (N, C, H, W), normalised as in training, and labels (N,). Every second held-out image scores
    plans and epochs, the best of which is kept, the others set thresholds; no weights are fitted to either. It runs
    where the model's parameters are. ``cost`` says what plans of the captured network cost, such as ``lambda net:
    net.latency(table, batch=1)``. ``on_progress(step, progress)`` is called as steps ``search`` and ``train`` go on.
    With a ``folder``, a conversion that was killed goes on there, and the network is saved in its ``network``.
    Raises DataError, ModelError, PlanError or BudgetError before training if data, network or budget do not fit, and
    ArtifactError if the folder holds another conversion.
    """
    how = how or Conversion()
    how = replace(how, recipe=replace(how.recipe, epochs=epochs))
    images, _ = first_batch(train_loader, "train_loader")
    device = next(model.parameters()).device
    net = analyse(model, images[:1].to(device))
    for loader, name in ((train_loader, "train_loader"), (held_out_loader, "held_out_loader")):
        check_loader(loader, name, net.graph.traced.image_shape, net.graph.traced.num_classes)
    held_out = OnDevice(held_out_loader, device)
    work = _Work(net, cost(net), how, budget, None if folder is None else Path(folder), on_progress)
    work.claim_folder()
    fitted_on = torch.cat([batch for batch, _ in gathered(OnDevice(train_loader, device), how.fit_images)])
    wide = work.widened(fitted_on[:2], cost)
    plan = wide.plan(fitted_on, Part(held_out, 0, 2))
    student = wide.train(plan, fitted_on, train_loader, Part(held_out, 0, 2))
    network = wide.net.build(student)
    rule = calibrate(network, Part(held_out, 1, 2), budget=budget, cost=wide.cost)
    wide.save(network, rule, net.static())
    return Converted(network, rule, plan)


@dataclass(frozen=True, eq=False)
class _Work:
    """A conversion under way."""

    net: Network
    cost: Cost
    how: Conversion
    budget: float
    folder: Path | None
    on_progress: Callable[[str, Progress], None] | None

    def claim_folder(self) -> None:
        """Say in the folder what it is for. Raises ArtifactError if it is for something else."""
        if self.folder is None:
            return
        path = self.folder / "conversion.json"
        how, cost = json.loads(json.dumps(asdict(self.how))), {"unit": self.cost.unit, "static": self.cost.static}
        content = {"weights": _digest(self.net), "budget": self.budget, "cost": cost, "how": how}
        if path.exists() and read_json(path, "conversion") != content:
            raise ArtifactError(f"{self.folder} holds the conversion of another network or with other settings")
        write_json(path, "conversion", content)

    def widened(self, images: Tensor, cost: Callable[[Network], Cost]) -> "_Work":
        """The same work on the network with copies of channels."""
        net = self.net.with_copies(self.how.copies, images)
        return replace(self, net=net, cost=cost(net))

    def save(self, network: MultiStageNet, rule: ExitRule, static: MultiStageNet) -> None:
        """Leave the network and its rule in the folder, if there is one."""
        if self.folder is not None:
            rules = {f"{self.cost.unit} <= {self.budget:.0%} of static": rule}
            save(network, rules, self.folder / "network", static=static)

    def plan(self, images: Tensor, search_split: Loader) -> Plan:
        """The plan of the highest reward."""
        held_out = gathered(search_split, self.how.search_images)
        evaluator = self.net.evaluator(images, held_out, budget=self.budget, cost=self.cost)

        def tell(index: int, entry: Entry) -> None:
            self._tell("search", Progress(index + 1, self.how.evaluations, -entry.score.reward))

        narrowest = self.how.min_width or (4 if self.cost.unit == "macs" else "aligned")
        space = self.net.space(self.how.num_stages, narrowest)
        found = find_plan(
            space,
            evaluator,
            evaluations=self.how.evaluations,
            limits=self.net.limits(space, budget=self.budget, cost=self.cost),
            journal=None if self.folder is None else self.folder / "journal.jsonl",
            seed=self.how.seed,
            on_entry=tell,
        )
        _log.info("the best of %d plans: %s", len(found.entries), found.score)
        return found.best

    def train(self, plan: Plan, images: Tensor, train_loader: Loader, search_split: Loader) -> MaskedNet:
        """The trained masked network of a plan."""
        student = self.net.trainable(plan, images)
        device, loss = images.device, StageLoss(weights=self.how.loss)
        validate = partial(stage_accuracies, student, search_split)

        def batches(generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:  # noqa: ARG001
            return iter(OnDevice(train_loader, device))

        images_there = sum(len(labels) for _, labels in search_split)
        fit(
            TrainingTask(student, loss, batches, _length(train_loader), validate, images_there),
            self.how.recipe,
            compute=Compute(device),
            checkpoint=None if self.folder is None else self.folder / "train" / "checkpoint.safetensors",
            seed=self.how.seed,
            on_progress=partial(self._tell, "train"),
        )
        return student

    def _tell(self, step: str, progress: Progress) -> None:
        if self.on_progress is not None:
            self.on_progress(step, progress)


def _length(loader: Loader) -> int:
    """The number of batches of one pass, counted where the loader does not say."""
    return len(loader) if isinstance(loader, Sized) else sum(1 for _ in loader)


def _digest(net: Network) -> str:
    """What tells the weights of a network from others."""
    digest = hashlib.sha256()
    for name, value in sorted(net.graph.traced.values.items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
