"""A captured network: what it is, what it could become, and the networks of its plans."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from torch import Tensor, nn

from s2dnas.api.loaders import Loader, check_loader
from s2dnas.arrays import FloatArray
from s2dnas.errors import SettingsError
from s2dnas.evaluation.collect import collect
from s2dnas.exits.confidence import DEFAULT_CONFIDENCE
from s2dnas.graph.analysis import analyse_channels
from s2dnas.graph.channels import ChannelGraph
from s2dnas.graph.describe import describe
from s2dnas.graph.trace import trace
from s2dnas.inherit.copies import with_copies
from s2dnas.inherit.reconstruct import Reconstruction, reconstructed
from s2dnas.masked.shared import MaskedNet, SharedNet, static_network
from s2dnas.network.weights import static_weights
from s2dnas.profile.latency import latency_cost
from s2dnas.profile.table import LatencyTable
from s2dnas.search.evaluators import Objective, evaluator
from s2dnas.search.journal import Score
from s2dnas.space.cost import cost_model
from s2dnas.space.costs import Cost, mac_cost
from s2dnas.space.division import PieceWidth, search_space
from s2dnas.space.importance import by_importance
from s2dnas.space.limits import StageLimits, stage_limits
from s2dnas.space.plan import Plan
from s2dnas.space.space import SearchSpace
from s2dnas.staged.build import MultiStageNet, build


def analyse(model: nn.Module, example: Tensor, *, importance: str = "l1", images: Tensor | None = None) -> "Network":
    """Capture a network for images like ``example`` (N, C, H, W) and find out how its channels can be divided.

    The most important channels come first in every coupling, by one of ``space.importance.IMPORTANCES``; "activation"
    looks at ``images`` (N, C, H, W). The model stays as it is. Raises ModelError if it cannot be captured or divided,
    and SettingsError for an unknown importance.
    """
    return Network(by_importance(analyse_channels(trace(model, example)), importance, images))


@dataclass(frozen=True, eq=False)
class Network:
    """A captured network and how its channels can be divided; print it to see what can be and what stays whole.

    ``given`` is the network without copies of channels, where ``graph`` has some.
    """

    graph: ChannelGraph
    given: ChannelGraph | None = None

    def __str__(self) -> str:
        return str(describe(self.graph))

    @property
    def static_macs(self) -> int:
        """Multiply-adds of the network that was given, for one image; copies do not change them."""
        return self.graph.static_macs

    def with_copies(self, share: float, images: Tensor) -> "Network":
        """The network in which a share of the channels, the most important, exist twice, for wider later stages.

        It computes what it computed, which is checked on a few ``images`` (N, C, H, W). Raises ModelError if it cannot.
        """
        return Network(with_copies(self.graph, share, images), self.given or self.graph)

    def space(self, num_stages: int = 3, min_width: PieceWidth = 4) -> SearchSpace:
        """All plans of S stages in pieces of at least ``min_width`` channels. Raises PlanError if there is none.

        "aligned" pieces, of 32 channels or of 16 and less where there are too few, are what processors are fast at.
        """
        return search_space(self.graph, num_stages, min_width)

    def macs(self, plan: Plan) -> FloatArray:
        """(S,) cumulative multiply-adds of a plan: entry j is what an image costs that leaves after stage j."""
        return cost_model(self.graph).macs(plan)

    def mac_cost(self) -> Cost:
        """Multiply-adds as what plans cost: the default everywhere."""
        return mac_cost(self.graph)

    def latency(self, table: LatencyTable, *, batch: int) -> Cost:
        """Milliseconds per sample as what plans cost, in batches of a size that was profiled.

        Raises SettingsError if the table was made for another network.
        """
        return latency_cost(self.graph, table, batch, self.given)

    def trainable(self, plan: Plan, images: Tensor, *, accumulate_logits: bool = False) -> MaskedNet:
        """The masked network of a plan, its weights fitted by least squares to what the static network computes.

        Some hundred training ``images`` (N, C, H, W), normalised, will do. Train it by any loop, then ``build`` it.
        With ``accumulate_logits`` each stage's logits are added to the later ones'.
        """
        weights = reconstructed(self.graph, plan, images)
        return SharedNet(self.graph, weights, accumulate_logits=accumulate_logits).at(plan)

    def build(self, student: MaskedNet) -> MultiStageNet:
        """The staged network with a masked network's weights: plain dense layers that really skip what a plan skips.

        Raises SettingsError if the masked network was made from another network.
        """
        if student.graph is not self.graph:
            raise SettingsError("the masked network was made from another network; build it with the one it came from")
        return build(self.graph, student.plan, student.weights(), accumulate_logits=student.accumulate_logits)

    def static(self) -> MultiStageNet:
        """The network that was given, as a staged network of one stage: to save and export beside a dynamic one."""
        return build(self.graph, Plan(1, {}, {}))

    def evaluator(
        self,
        images: Tensor,
        held_out: Loader,
        *,
        cost: Cost | None = None,
        budget: float = 0.5,
        exponent: float = -0.07,
        confidence: str = DEFAULT_CONFIDENCE,
    ) -> Callable[[Plan], Score]:
        """What scores a plan without training it: with weights fitted on ``images``, by thresholds for a budget.

        ``held_out`` yields images and labels that no weights were fitted to. ``budget`` is a share of what the static
        network costs, in multiply-adds unless ``cost`` says otherwise; the reward is ACC x (COST / static)^exponent.
        Raises DataError if ``held_out`` does not fit the network.
        """
        check_loader(held_out, "held_out", self.graph.traced.image_shape, self.graph.traced.num_classes)
        _check_budget(budget)
        price = cost or self.mac_cost()
        objective = Objective(price.static, (budget * price.static,), exponent, confidence)

        @cache
        def fitting(num_stages: int) -> Reconstruction:
            return Reconstruction(self.graph, images, static_weights(self.graph, num_stages))

        def network_of(plan: Plan) -> MaskedNet:
            return SharedNet(self.graph, fitting(plan.num_stages).at(plan)).at(plan)

        return evaluator(network_of, held_out, objective, price)

    def limits(
        self, space: SearchSpace, *, budget: float = 0.5, shares: tuple[float, ...] = (), cost: Cost | None = None
    ) -> StageLimits:
        """What plans of a space may cost, for ``find_plan``: the first stage no more than ``budget``, and each stage no
        more than its entry of ``shares``, as shares of what the static network costs.
        """
        _check_budget(budget)
        return stage_limits(space, cost or self.mac_cost(), (budget,), shares)

    def static_accuracy(self, loader: Loader) -> float:
        """The share of a loader's images that the captured network answers rightly, in [0, 1]."""
        return float(collect(static_network(self.graph), loader).stage_accuracy[0])


def _check_budget(budget: float) -> None:
    if not 0 < budget <= 1:
        raise SettingsError(f"budget is a share of the static cost in (0, 1], not {budget}")
