"""All methods on the same run: the same splits, batches and epochs, thresholds from the calibration split.

What starts from the trained static network trains for as many epochs as the shared and the chosen network of s2dnas
together; what starts from fresh weights, for the static network's epochs on top. Where no learning rate is set, all get
one by the same rule; of networks of several exits the best epoch on the search split is taken.
"""

from collections.abc import Callable

from s2dnas.artifacts import read_json, write_json
from s2dnas.comparison.adaptive import measure_blockdrop, measure_lccl
from s2dnas.comparison.divided import measure_best_uniform, measure_naive_uniform, measure_s2dnas
from s2dnas.comparison.measured import MethodResult
from s2dnas.comparison.method_settings import MethodSettings
from s2dnas.comparison.multi_exit import (
    measure_branchynet,
    measure_msdnet,
    measure_msdnet_q,
    measure_naive_cascade,
)
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.steps import do

Method = Callable[[Run, MethodSettings], MethodResult]

METHODS: dict[str, Method] = {
    "s2dnas": measure_s2dnas,
    "best-uniform": measure_best_uniform,
    "naive-uniform": measure_naive_uniform,
    "naive-cascade": measure_naive_cascade,
    "branchynet": measure_branchynet,
    "msdnet": measure_msdnet,
    "msdnet-q": measure_msdnet_q,
    "lccl": measure_lccl,
    "blockdrop": measure_blockdrop,
}
"""Each trains its network on a run whose static network is trained, and measures it."""


def measure(method: str, run: Run, settings: MethodSettings) -> MethodResult:
    """The result of a method, which is trained as far as it is not trained yet; what is finished is only read.

    Raises ModelError if the method does not apply to the network.
    """
    path = run.folder.path / method / "measured.json"
    if not path.exists():
        do(run, "static")
        write_json(path, "measured", METHODS[method](run, settings).model_dump(mode="json"))
    return MethodResult.model_validate(read_json(path, "measured"))
