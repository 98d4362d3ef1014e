"""A stage with its scores in the graph, so that a runtime compares numbers and knows nothing of how they are made."""

from collections.abc import Sequence

from torch import Tensor, nn

from s2dnas.exits import AnyScoring
from s2dnas.network.scorer import Scorer
from s2dnas.staged.build import MultiStageNet
from s2dnas.staged.flat import FlatStage, stage_modules
from s2dnas.values import IMAGE, label_name, logits_name, score_name


class ScoredStage(nn.Module):
    """A flat stage that also gives, for each scoring, scores (N,), float64, and labels (N,).

    ``takes`` and ``gives`` are the values that it exchanges with other stages, the image apart.
    """

    def __init__(self, flat: FlatStage, index: int, scorings: Sequence[AnyScoring]) -> None:
        super().__init__()
        self.flat, self.index = flat, index
        self._scorers = [Scorer(scoring, index) for scoring in scorings]
        read = {logits_name(stage) for scorer in self._scorers for stage in scorer.needs}
        self.inputs = (*flat.inputs, *sorted(read - {logits_name(index), *flat.inputs}))
        scores = [name(index, number) for number in range(len(scorings)) for name in (score_name, label_name)]
        self.outputs = (*flat.outputs, *scores)

    @property
    def reads_image(self) -> bool:
        """Whether it takes the image."""
        return IMAGE in self.inputs

    @property
    def takes(self) -> tuple[str, ...]:
        """Values of earlier stages."""
        return tuple(name for name in self.inputs if name != IMAGE)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """``inputs`` to ``outputs``."""
        known = dict(zip(self.inputs, values, strict=True))
        given = self.flat(*(known[name] for name in self.flat.inputs))
        known[logits_name(self.index)] = given[0]
        scores: list[Tensor] = []
        for scorer in self._scorers:
            scores += scorer(*(known[logits_name(stage)] for stage in scorer.needs))
        return (*given, *scores)


def scored_stages(network: MultiStageNet, scorings: Sequence[AnyScoring]) -> list[ScoredStage]:
    """The stages of a network for inference, batch norms folded. Raises SettingsError as ``stage_modules`` does."""
    return [ScoredStage(flat, index, scorings) for index, flat in enumerate(stage_modules(network, fold=True))]
