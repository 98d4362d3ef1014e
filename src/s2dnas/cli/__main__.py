"""``python -m s2dnas.cli`` is ``s2dnas``."""

from s2dnas.cli import main

main()
