"""A graph that takes images alone, run as a session runs its stages: on memory of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from s2dnas.errors import SettingsError
from s2dnas.runtime.bundle import Bundle
from s2dnas.runtime.engine import Engine, GraphProgram
from s2dnas.values import IMAGE


class OneGraph:
    """The static network, for whoever compares: a session is faster already for allocating nothing. For one thread."""

    def __init__(self, program: GraphProgram) -> None:
        self._program = program
        self._bound: dict[int, tuple[npt.NDArray[Any], dict[str, npt.NDArray[Any]], Callable[[], None]]] = {}

    def __call__(self, images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
        """All outputs for images (N, C, H, W); the next call for as many images overwrites them."""
        count = len(images)
        if count not in self._bound:
            own = np.array(images, order="C")
            outputs = self._program.run({IMAGE: own})
            self._bound[count] = own, outputs, self._program.bound({IMAGE: own}, outputs)
        own, outputs, call = self._bound[count]
        own[:] = images
        call()
        return outputs


def static_graph(bundle: Bundle, engine: Engine) -> OneGraph:
    """The static network of a bundle. Raises SettingsError if it was exported without it."""
    static = bundle.manifest.static
    if static is None:
        raise SettingsError(
            f"{bundle.folder} holds no static network to compare with; save the network with static=, or export the "
            "network of a run"
        )
    return OneGraph(engine.load(bundle.graph(static)))
