"""A run beside a run: other settings, all else the same."""

from collections.abc import Iterable

from s2dnas.config import changed
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.settings import load_settings
from s2dnas.pipeline.start import Start


def variant(run: Run, folder: str, pairs: Iterable[str]) -> Run:
    """A run of its own in a folder of the run's: the same network, data and weights, ``key=value`` pairs on top."""
    settings = load_settings(None, [*changed(run.settings), *pairs])
    return open_run(run.folder.path / folder, Start(run.start.model, run.start.data, run.start.weights, settings))
