"""Leave the dynamic network where other programs can use it."""

from s2dnas.pipeline.exits import rules
from s2dnas.pipeline.run import Run
from s2dnas.saving.writing import save
from s2dnas.space.plan import Plan
from s2dnas.staged.build import build


def save_network(run: Run) -> None:
    """Write the folder ``network`` of a run: the trained network, its rules by target, and the static network."""
    stats = run.feed.stats
    save(
        run.networks.trained(),
        rules(run.folder),
        run.folder.path / "network",
        class_names=run.feed.splits.train.class_names,
        normalisation=(stats.mean, stats.std),
        static=build(run.statics.graph, Plan(1, {}, {})),
    )
