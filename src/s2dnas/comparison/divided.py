"""Methods that divide the static network: s2dnas itself, and the naive uniform plan."""

from s2dnas.comparison.evaluated import by_run_thresholds, multi_exit_result, with_spending
from s2dnas.comparison.measured import MethodResult
from s2dnas.comparison.method_settings import MethodSettings
from s2dnas.exits import ExitTable
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import search_seconds
from s2dnas.pipeline.steps import do
from s2dnas.pipeline.training import fit_plan


def measure_s2dnas(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of the steps of a run."""
    for step in ("search", "train", "calibrate", "evaluate"):
        do(run, step)
    calibrate, test = (ExitTable.load(run.folder.finished(f"{name}.npz")) for name in ("calibrate", "test"))
    shared = ["shared"] if run.settings.search.weights == "shared" else []
    accuracies = by_run_thresholds(run, settings, calibrate, test)
    result = with_spending(accuracies, run.folder, run.networks.trained(), *shared, "train")
    return result.model_copy(update={"search_seconds": search_seconds(run.folder)})


def measure_naive_uniform(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of equal stages without copies, trained from the weights that s2dnas starts from where it can."""
    run = run.without_copies()
    start = "static" if run.settings.start == "shared" else run.settings.start
    net = run.networks.starting(run.study.space.uniform(), start)
    fit_plan(run, "naive-uniform", net, run.settings.continued)
    return multi_exit_result(run, settings, "naive-uniform", run.networks.built(net))
