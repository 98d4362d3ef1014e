"""The command line."""

from s2dnas.cli import comparing, models, predicting, runs
from s2dnas.cli.app import app, main

__all__ = ["app", "comparing", "main", "models", "predicting", "runs"]
