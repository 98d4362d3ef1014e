"""The application that all commands belong to, and the terminal: where answers go, and how far work is."""

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Turn a static CNN into a dynamic one.")
console = Console()
stderr = Console(stderr=True)
