"""Where the command `s2dnas` starts, and how an error that a user can cause ends."""

import logging
import sys
import warnings

from s2dnas.errors import S2dnasError
from s2dnas.extras import MissingExtraError, require_extra


def main() -> None:
    """Entry point: errors that a user can cause end in a sentence; ``--debug`` shows where they arose."""
    try:
        require_extra("cli")
    except MissingExtraError as error:
        sys.exit(f"error: {error}")
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING)
    logging.getLogger("s2dnas").setLevel(logging.INFO)
    warnings.filterwarnings("ignore", category=FutureWarning)
    _run(debug)


def _run(debug: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from s2dnas.cli.commands import app

    try:
        app(standalone_mode=True)
    except S2dnasError as error:
        if debug:
            raise
        Console(stderr=True).print(Text.assemble(("error:", "red"), f" {error}"), soft_wrap=True)
        sys.exit(1)
