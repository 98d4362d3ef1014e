"""The application that all commands belong to, and how an error that a user can cause ends."""

import logging
import sys
import warnings

import typer
from rich.console import Console
from rich.text import Text

from s2dnas.errors import S2dnasError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Turn a static CNN into a dynamic one.")
console = Console()


def main() -> None:
    """Entry point: errors that a user can cause end in a sentence; ``--debug`` shows where they arose."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING)
    logging.getLogger("s2dnas").setLevel(logging.INFO)
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        app(standalone_mode=True)
    except S2dnasError as error:
        if debug:
            raise
        Console(stderr=True).print(Text.assemble(("error:", "red"), f" {error}"), soft_wrap=True)
        sys.exit(1)
