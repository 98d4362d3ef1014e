"""The command line."""

from s2dnas.cli import models, runs
from s2dnas.cli.app import app, main

__all__ = ["app", "main", "models", "runs"]
