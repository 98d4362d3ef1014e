"""One stage as a module: a graph of calls that is copied and pickled as it is."""

import copy
from typing import Any

from torch import fx, nn

from s2dnas.staged.codec import graph_from_plain, graph_to_plain


class Stage(fx.GraphModule):
    """Images (N, C, H, W) and the features of earlier stages that it reads, to logits (N, K) and features of its own.

    A plain GraphModule is pickled as code, which is then traced anew: that would fix whether it trains, and take its
    own functions apart. A stage is pickled as its nodes, beside its tensors and its mode.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        state: dict[str, Any] = self.__getstate__()  # type: ignore[no-untyped-call]
        del state["_graph"]
        return _remade, (graph_to_plain(self.graph), type(self).__name__), state

    def __deepcopy__(self, memo: dict[int, Any]) -> "Stage":
        make, arguments, state = self.__reduce__()
        twin: Stage = make(*arguments)
        memo[id(self)] = twin
        twin.__setstate__(copy.deepcopy(state, memo))  # type: ignore[no-untyped-call]
        return twin


def _remade(nodes: list[dict[str, Any]], name: str) -> Stage:
    """A stage without tensors, which its state brings."""
    stage = Stage.__new__(Stage)
    nn.Module.__init__(stage)
    type(stage).__name__ = name
    stage.graph = graph_from_plain(nodes)
    return stage
