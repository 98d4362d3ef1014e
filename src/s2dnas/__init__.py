"""Turn a trained static CNN into a dynamic network: easy inputs leave early, hard ones go on.

What most programs need is here by name; a module is imported when its name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2dnas.evaluation.collect import collect
    from s2dnas.evaluation.running import predict
    from s2dnas.exits import ExitRule, ExitTable, decide, for_accuracy, for_budget, frontier
    from s2dnas.graph.analysis import analyse
    from s2dnas.graph.trace import trace
    from s2dnas.network.build import build
    from s2dnas.network.copies import with_copies
    from s2dnas.network.reconstruct import reconstructed
    from s2dnas.space.cost import cost_model
    from s2dnas.space.division import search_space
    from s2dnas.space.order import ordered
    from s2dnas.space.plan import Plan
    from s2dnas.training.losses import LossWeights, multi_exit_loss

__version__ = "0.1.0"

__all__ = [
    "ExitRule",
    "ExitTable",
    "LossWeights",
    "Plan",
    "analyse",
    "build",
    "collect",
    "cost_model",
    "decide",
    "for_accuracy",
    "for_budget",
    "frontier",
    "multi_exit_loss",
    "ordered",
    "predict",
    "reconstructed",
    "search_space",
    "trace",
    "with_copies",
]

_HOMES = {
    "evaluation.collect": ("collect",),
    "evaluation.running": ("predict",),
    "exits": ("ExitRule", "ExitTable", "decide", "for_accuracy", "for_budget", "frontier"),
    "graph.analysis": ("analyse",),
    "graph.trace": ("trace",),
    "network.build": ("build",),
    "network.copies": ("with_copies",),
    "network.reconstruct": ("reconstructed",),
    "space.cost": ("cost_model",),
    "space.division": ("search_space",),
    "space.order": ("ordered",),
    "space.plan": ("Plan",),
    "training.losses": ("LossWeights", "multi_exit_loss"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
