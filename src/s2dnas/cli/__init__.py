"""The command line."""

from s2dnas.cli.entry import main

__all__ = ["main"]
