"""How a trained network of a run becomes a result: what it answers, and what its training took."""

from torch import nn

from s2dnas.baselines.adaptive import AdaptiveNet, adaptive_outcomes
from s2dnas.comparison.measured import CurveAndBudgets, MethodResult, by_outcomes, by_thresholds
from s2dnas.comparison.method_settings import MethodSettings
from s2dnas.evaluation.collect import collect
from s2dnas.exits import ExitTable
from s2dnas.network.multi_exit import MultiExitNet
from s2dnas.pipeline.folder import RunFolder
from s2dnas.pipeline.run import Run
from s2dnas.training.checkpoint import read_history, training_seconds


def multi_exit_result(
    run: Run, settings: MethodSettings, step: str, net: MultiExitNet, confidence: str | None = None
) -> MethodResult:
    """The result of a network of several exits that ``step`` trained, with the run's confidence or another one."""
    calibrate, test = (exit_table(run, step, net, split, confidence) for split in ("calibrate", "test"))
    return with_spending(by_run_thresholds(run, settings, calibrate, test), run.folder, net, step)


def adaptive_result(run: Run, settings: MethodSettings, net: AdaptiveNet, *steps: str) -> MethodResult:
    """The result of a network that decides what to compute, which ``steps`` trained."""
    outcomes = adaptive_outcomes(net, run.feed.plain(run.feed.splits.test))
    accuracies = by_outcomes(outcomes, run.statics.graph.macs, settings.budgets)
    result = with_spending(accuracies, run.folder, net, *steps)
    return result.model_copy(update={"accounts": net.accounts(outcomes)})


def exit_table(run: Run, step: str, net: MultiExitNet, split: str, confidence: str | None = None) -> ExitTable:
    """What the trained network answers on a split; kept beside its checkpoint."""
    path = run.folder.path / step / f"{split}.npz"
    if not path.exists():
        batches = run.feed.plain(getattr(run.feed.splits, split))
        collect(net, batches, confidence or run.settings.exits.confidence).save(path)
    return ExitTable.load(path)


def by_run_thresholds(run: Run, settings: MethodSettings, calibrate: ExitTable, test: ExitTable) -> CurveAndBudgets:
    """What thresholds give on the test split that are set on the calibration split as the run's settings say."""
    expected = run.settings.exits.expected
    return by_thresholds(calibrate, test, run.statics.graph.macs, settings.budgets, expected=expected)


def with_spending(accuracies: CurveAndBudgets, folder: RunFolder, net: nn.Module, *steps: str) -> MethodResult:
    """The result: accuracies, the size of the network, and the epochs and seconds of the steps that trained it."""
    history = [record for step in steps for record in read_history(folder.checkpoint(step))]
    curve, at_budgets = accuracies
    return MethodResult(
        points=curve,
        at_budgets=at_budgets,
        params=sum(p.numel() for p in net.parameters()),
        epochs=len(history),
        seconds=training_seconds(history),
    )
