"""Methods that divide the static network: s2dnas itself, the best uniform plan, and the naive uniform plan."""

from s2dnas.comparison.evaluated import by_run_thresholds, multi_exit_result, with_spending
from s2dnas.comparison.measured import MethodResult
from s2dnas.comparison.method_settings import MethodSettings
from s2dnas.errors import ModelError
from s2dnas.exits import ExitTable
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.search import search_seconds
from s2dnas.pipeline.steps import do
from s2dnas.pipeline.training import fit_plan
from s2dnas.pipeline.uniform import read_comparison
from s2dnas.space.plan import Plan


def measure_s2dnas(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of the steps of a run."""
    for step in ("search", "train", "calibrate", "evaluate"):
        do(run, step)
    calibrate, test = (ExitTable.load(run.folder.finished(f"{name}.npz")) for name in ("calibrate", "test"))
    shared = ["shared"] if run.settings.search.trains_shared else []
    accuracies = by_run_thresholds(run, settings, calibrate, test)
    result = with_spending(accuracies, run.folder, run.networks.trained(), *shared, "train")
    return result.model_copy(update={"search_seconds": search_seconds(run.folder)})


def measure_best_uniform(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of the best uniform plan within the limits, as the search scores it: what the search is worth.

    It has the copies, the weights to start from and the training that the plan of the search has. Raises ModelError if
    the search compared with no uniform plan.
    """
    do(run, "search")
    found = read_comparison(run.folder)
    if found is None or found.uniform is None:
        raise ModelError("no uniform plan keeps search.stage_limits: there is none to compare the search with")
    net = run.networks.starting(Plan.from_dict(found.uniform), run.settings.start)
    fit_plan(run, "best-uniform", net, run.settings.train)
    return multi_exit_result(run, settings, "best-uniform", run.networks.built(net))


def measure_naive_uniform(run: Run, settings: MethodSettings) -> MethodResult:
    """The result of equal stages without copies, trained from the weights that s2dnas starts from where it can."""
    run = run.without_copies()
    start = "static" if run.settings.start == "shared" else run.settings.start
    net = run.networks.starting(run.study.space.uniform(), start)
    fit_plan(run, "naive-uniform", net, run.settings.continued)
    return multi_exit_result(run, settings, "naive-uniform", run.networks.built(net))
