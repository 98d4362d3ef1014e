"""All commands: the application knows those whose modules are imported."""

from s2dnas.cli import benching, comparing, exporting, models, predicting, profiling, ranking, runs, serving
from s2dnas.cli.app import app

__all__ = [
    "app",
    "benching",
    "comparing",
    "exporting",
    "models",
    "predicting",
    "profiling",
    "ranking",
    "runs",
    "serving",
]
