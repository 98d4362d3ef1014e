"""How search and training went, as plots."""

import itertools
from typing import TYPE_CHECKING

from s2dnas.report.content import SearchRecord, TrainingRecord
from s2dnas.report.style import DYNAMIC, INK, POINT, stage_colors, stage_legend, styled, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def search_plot(record: SearchRecord) -> str:
    """Reward per evaluation with the best so far, and the plans' accuracy against cost where both were kept.

    Each turn has a best of its own; that of the last one is marked.
    """
    count = len(record.rewards)
    best = max(range(record.turn_starts[-1], count), key=record.rewards.__getitem__)
    scattered = len(record.accuracies) == len(record.costs) == count
    with styled(2.9) as figure:
        axes = figure.subplots(1, 2 if scattered else 1, squeeze=False)[0]
        number = range(1, count + 1)
        axes[0].plot(number, record.rewards, "o", color=DYNAMIC, alpha=0.35, markersize=3, markeredgewidth=0)
        axes[0].step(number, _running_best(record), where="post", color=POINT, linewidth=1.6, label="best so far")
        axes[0].set(xlabel="evaluation", ylabel="reward")
        if scattered:
            costs = [value / 1e6 if record.unit == "macs" else value for value in record.costs]
            accuracy = [100 * value for value in record.accuracies]
            axes[1].plot(costs, accuracy, "o", color=DYNAMIC, alpha=0.35, markersize=3, markeredgewidth=0)
            axes[1].plot(costs[best], accuracy[best], "D", color=POINT, markersize=6, label="best reward")
            axes[1].set(
                xlabel=f"mean cost of the plan ({'M macs' if record.unit == 'macs' else record.unit})",
                ylabel="accuracy in the search (%)",
            )
        for part in axes:
            part.grid()
        figure.legend(loc="outside upper left", ncols=2, fontsize=8.5)
        return to_svg(figure)


def _running_best(record: SearchRecord) -> list[float]:
    ends = [*record.turn_starts[1:], len(record.rewards)]
    turns = [record.rewards[start:end] for start, end in zip(record.turn_starts, ends, strict=True)]
    return [best for rewards in turns for best in itertools.accumulate(rewards, max)]


def training_plot(record: TrainingRecord) -> str:
    """Loss per epoch, and the accuracy of each stage where it was measured."""
    measured = [epoch for epoch in record.history if epoch.stage_accuracy is not None]
    marker = "o" if len(record.history) < 20 else None
    with styled(2.9) as figure:
        axes = figure.subplots(1, 2 if measured else 1, squeeze=False)[0]
        epochs, losses = [epoch.epoch for epoch in record.history], [epoch.loss for epoch in record.history]
        axes[0].plot(epochs, losses, color=INK, linewidth=1.6, marker=marker, markersize=3)
        axes[0].set(xlabel="epoch", ylabel="training loss")
        if measured:
            _stage_accuracies(axes[1], [(epoch.epoch, epoch.stage_accuracy or ()) for epoch in measured], marker)
            stage_legend(figure, max(len(epoch.stage_accuracy or ()) for epoch in measured))
        for part in axes:
            part.grid()
            part.xaxis.get_major_locator().set_params(integer=True)
        return to_svg(figure)


def _stage_accuracies(axes: "Axes", measured: list[tuple[int, tuple[float, ...]]], marker: str | None) -> None:
    num_stages = max(len(accuracies) for _, accuracies in measured)
    for stage, color in enumerate(stage_colors(num_stages)):
        known = [(epoch, 100 * accuracies[stage]) for epoch, accuracies in measured if stage < len(accuracies)]
        axes.plot(*zip(*known, strict=True), color=color, marker=marker, markersize=3)
    axes.set(xlabel="epoch", ylabel="accuracy per stage (%)")
