"""The paper's search: policy and shared weights are improved in turns, each for what the other is by then."""

from dataclasses import dataclass

from s2dnas.errors import ArtifactError
from s2dnas.masked.shared import SharedNet
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.training import train_shared
from s2dnas.search.policy import with_policy
from s2dnas.search.strategy import Strategy
from s2dnas.search.turns import Turns
from s2dnas.training.checkpoint import read_history
from s2dnas.training.shared_loss import PlanSampler


def alternating_turns(run: Run, shared: SharedNet, strategy: Strategy) -> Turns:
    """Turns that each begin with an epoch of the shared network, on plans that the policy samples as it is then.

    ``shared`` is given the weights of the turn whose plans are scored. Raises SettingsError for a strategy without a
    policy.
    """
    weights = _Weights(run, shared, with_policy(strategy).sample)

    def prepare(index: int) -> None:
        weights.of_turn(turns.number(index))

    turns = Turns(run.settings.turn_starts, prepare)
    return turns


@dataclass(eq=False)
class _Weights:
    """The shared weights, turn after turn; ``current``, from 1 on, is the turn that the network has those of."""

    run: Run
    shared: SharedNet
    sample: PlanSampler
    current: int = 0

    def of_turn(self, number: int) -> None:
        """Give the network the weights of a turn; an epoch that was trained before is not trained again."""
        if number == self.current:
            return
        self._refuse_other_turns(number)
        train_shared(self.run, self.shared, self.sample, until=number)
        self.current = number

    def _refuse_other_turns(self, number: int) -> None:
        """The checkpoint holds the weights of the last turn that was begun, and no others."""
        path = self.run.folder.checkpoint("shared")
        trained = len(read_history(path)) if path.exists() else 0
        if trained not in (number - 1, number):
            raise ArtifactError(
                f"{path} holds the weights of turn {trained} of the search, but the journal ends in turn {number}; "
                "delete both to search anew"
            )
