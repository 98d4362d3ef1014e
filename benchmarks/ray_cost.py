"""What an image costs in the processes of a local Ray cluster: processor time of each, hand-over and all.

python benchmarks/ray_cost.py BUNDLE --batch 64 --requests 120 --json results/ray-cost.json
python benchmarks/ray_cost.py BUNDLE --batch 256 --requests 30 --json results/ray-cost.json

BUNDLE is what benchmarks/capacity.py wrote. Needs the extra ray, and no torch. One replica for each stage.
"""

import argparse
import os
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import serve
from rows import add

from s2dnas.runtime import Bundle
from s2dnas.serving.dispatcher import DispatchLimits
from s2dnas.serving.ray_app import application

AT_ONCE = 4
STORE = 500_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--batch", type=int, default=64, help="images of a request, and at most of a call of a stage")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    bundle = Bundle.opened(given.bundle)
    names = ["ingress", *(f"stage_{index + 1}" for index in range(len(bundle.manifest.stages)))]
    # Logical cores: what is measured is processor time, which does not depend on how many there are.
    ray.init(num_cpus=len(names), object_store_memory=STORE, include_dashboard=False, log_to_driver=False)
    try:
        handle = serve.run(application(given.bundle, limits=DispatchLimits(batch=given.batch)), name="cost")
        noise = np.random.default_rng(0).standard_normal((given.batch, *bundle.manifest.image_shape), np.float32)
        asked(handle, noise, 2 * AT_ONCE)  # the first calls make the engines' memory
        before = {name: seconds(name) for name in names}
        left = asked(handle, noise, given.requests)
        costs = {name: 1000 * (seconds(name) - before[name]) / int(left.sum()) for name in names}
    finally:
        serve.shutdown()
        ray.shutdown()
    row = {
        "batch": given.batch,
        "milliseconds_per_image": costs,
        "exits": (left / left.sum()).tolist(),
        "images": int(left.sum()),
    }
    add(given.json, "ray-cost", row, ("batch",), ray=ray.__version__)
    print(row)


def asked(handle: Any, images: Any, requests: int) -> Any:
    """How many images left at each stage (S,), of requests of which some are under way at any time."""
    waiting, stages = deque[Any](), []
    for _ in range(requests):
        if len(waiting) == AT_ONCE:
            stages.append(waiting.popleft().result().stages)
        waiting.append(handle.answer.remote(images))
    stages += [response.result().stages for response in waiting]
    return np.bincount(np.concatenate(stages), minlength=3)


def seconds(deployment: str) -> float:
    """Processor time so far of the one process that has the deployment in its title."""
    title = f"ray::ServeReplica:cost:{deployment}"
    (path,) = (path for path in Path("/proc").glob("[0-9]*/cmdline") if _title(path).startswith(title))
    fields = path.with_name("stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _title(path: Path) -> str:
    try:
        return path.read_bytes().rstrip(b"\0").decode(errors="replace")
    except OSError:  # it has ended meanwhile
        return ""


if __name__ == "__main__":
    main()
