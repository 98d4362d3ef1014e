"""All commands: the application knows those whose modules are imported."""

from s2dnas.cli import comparing, models, predicting, runs, serving
from s2dnas.cli.app import app

__all__ = ["app", "comparing", "models", "predicting", "runs", "serving"]
