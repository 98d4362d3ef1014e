"""The dynamic networks of a run, each with the weights that a step left for it."""

from dataclasses import dataclass

from torch import nn

from s2dnas.masked.shared import MaskedNet, SharedNet
from s2dnas.network.weights import static_weights
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.settings import StartingWeights
from s2dnas.pipeline.study import Study
from s2dnas.space.plan import Plan
from s2dnas.staged.build import MultiStageNet, build
from s2dnas.training.checkpoint import load_checkpoint


@dataclass(frozen=True, eq=False)
class DynamicNetworks:
    """Networks that divide the one of ``study``; each stage's logits may be accumulated over the stages before it."""

    study: Study
    folder: RunFolder
    accumulate_logits: bool

    def plan(self) -> Plan:
        """The plan that the search chose. Raises ArtifactError if there is none yet, PlanError if it does not fit."""
        plan = Plan.load(self.folder.finished("plan.json"))
        self.study.space.encode(plan)
        return plan

    def shared(self, weights_of: nn.Module | None = None) -> SharedNet:
        """The shared network with the static network's weights, or those of another network of the same kind."""
        source = self.study.graph if weights_of is None else self.study.with_weights_of(weights_of)
        weights = static_weights(source, self.study.settings.num_stages)
        return SharedNet(self.study.graph, weights, accumulate_logits=self.accumulate_logits)

    def reconstructed(self, plan: Plan) -> MaskedNet:
        """The masked network of a plan with the static weights, fitted to it."""
        weights = self.study.reconstruction.at(plan)
        return SharedNet(self.study.graph, weights, accumulate_logits=self.accumulate_logits).at(plan)

    def starting(self, plan: Plan, start: StartingWeights) -> MaskedNet:
        """The masked network of a plan with the weights that its training begins with."""
        if start == "reconstructed":
            return self.reconstructed(plan)
        shared = self.shared(self.study.statics.fresh() if start == "scratch" else None)
        if start == "shared":
            load_checkpoint(self.folder.trained("shared"), shared)
        return shared.at(plan)

    def trained(self) -> MultiStageNet:
        """The trained multi-stage network of the chosen plan."""
        net = self.shared().at(self.plan())
        load_checkpoint(self.folder.trained("train"), net)
        return self.built(net)

    def built(self, net: MaskedNet) -> MultiStageNet:
        """The multi-stage network of a masked one, where that is: it holds what its plan lets it read and no more."""
        return build(self.study.graph, net.plan, net.weights(), accumulate_logits=net.accumulate_logits)
