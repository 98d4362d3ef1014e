"""What a static network gains by label smoothing and by a moving average of its weights.

python benchmarks/static_recipes.py runs/resnet20 --epochs 16 --json results/static_recipes.json

RUN is a folder that `s2dnas run` or `s2dnas compare` began; the variants are trained on its data, from fresh weights,
in RUN/recipes. What is finished there is read.
"""

import argparse
import json
from pathlib import Path

from rows import add
from variants import variant

from s2dnas.pipeline.exits import on_test
from s2dnas.pipeline.opening import open_run
from s2dnas.pipeline.run import Run
from s2dnas.pipeline.steps import do

RECIPES: dict[str, tuple[str, ...]] = {
    "plain": (),
    "label smoothing": ("loss.label_smoothing=0.1",),
    "average": ("static.average=0.99",),
    "label smoothing + average": ("loss.label_smoothing=0.1", "static.average=0.99"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--only", nargs="*", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    run = open_run(given.run, None)
    for name in given.only:
        accuracy = measured(run, RECIPES[name], given.epochs)
        row = {"recipe": name, "seed": run.settings.seed, "epochs": given.epochs, "accuracy": accuracy}
        add(given.json, "static_recipes", row, ("recipe", "seed", "epochs"))
        print(json.dumps(row), flush=True)


def measured(run: Run, pairs: tuple[str, ...], epochs: int) -> float:
    """The accuracy on the test split after so many epochs."""
    own = variant(run, f"recipes/{'-'.join([str(epochs), *pairs])}", [f"static.epochs={epochs}", *pairs])
    do(own, "static")
    return on_test(own.feed, own.statics.trained)


if __name__ == "__main__":
    main()
