"""Turn a trained static CNN into a dynamic network: easy inputs leave early, hard ones go on.

What most programs need is here by name; a module is imported when its name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2dnas.calibration import for_accuracy, for_budget, frontier
    from s2dnas.evaluation.collect import collect
    from s2dnas.exits import ExitRule, ExitTable, decide
    from s2dnas.graph.analysis import analyse_channels
    from s2dnas.graph.trace import trace
    from s2dnas.inherit.copies import with_copies
    from s2dnas.inherit.reconstruct import reconstructed
    from s2dnas.space.cost import cost_model
    from s2dnas.space.division import search_space
    from s2dnas.space.importance import by_importance
    from s2dnas.space.plan import Plan
    from s2dnas.staged.build import build
    from s2dnas.training.loss_weights import LossWeights
from s2dnas.training.multi_exit_loss import multi_exit_loss

__version__ = "0.1.0"

__all__ = [
    "ExitRule",
    "ExitTable",
    "LossWeights",
    "Plan",
    "analyse_channels",
    "build",
    "by_importance",
    "collect",
    "cost_model",
    "decide",
    "for_accuracy",
    "for_budget",
    "frontier",
    "multi_exit_loss",
    "predict",
    "reconstructed",
    "search_space",
    "trace",
    "with_copies",
]

_HOMES = {
    "evaluation.collect": ("collect",),
    "network.running": ("predict",),
    "calibration": ("for_accuracy", "for_budget", "frontier"),
    "exits": ("ExitRule", "ExitTable", "decide"),
    "graph.analysis": ("analyse_channels",),
    "graph.trace": ("trace",),
    "staged.build": ("build",),
    "inherit.copies": ("with_copies",),
    "inherit.reconstruct": ("reconstructed",),
    "space.cost": ("cost_model",),
    "space.division": ("search_space",),
    "space.importance": ("by_importance",),
    "space.plan": ("Plan",),
    "training.loss_weights": ("LossWeights",),
    "training.multi_exit_loss": ("multi_exit_loss",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
