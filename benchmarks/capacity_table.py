"""What a million images a second take, from what was measured: the tables of docs/capacity.md.

python benchmarks/capacity_table.py results/capacity.json results/ray-cost.json
"""

import sys
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from s2dnas.artifacts import read_json
from s2dnas.serving.replicas import plan_replicas

RATE = 1_000_000
BUSY = 0.8
EXITS = ((0.3, 0.3, 0.4), (0.5, 0.3, 0.2), (0.7, 0.2, 0.1), (0.9, 0.07, 0.03))
STAGES = ("1", "2", "3")

Content = Mapping[str, Any]


def main() -> None:
    capacity, ray_cost = read_json(Path(sys.argv[1]), "capacity"), read_json(Path(sys.argv[2]), "ray-cost")
    print("\n\n".join(tables(capacity, ray_cost)))


def tables(capacity: Content, ray_cost: Content) -> list[str]:
    """All of them, in the order of the page."""
    return [costs(capacity), replicas(capacity), handed(capacity), in_ray(capacity, ray_cost)]


def costs(capacity: Content) -> str:
    """Of each stage and of the static network: the size of the batch that costs least, and what it costs."""
    rows = []
    for name, measured in capacity["milliseconds_per_image"].items():
        batch = min(measured, key=measured.get)
        title = "static" if name == "static" else f"stage {name}"
        rows.append([title, f"{measured['1']:.2f}", f"{measured[batch]:.2f}", batch])
    return _table(["program", "ms alone", "ms in its best batch", "that batch"], rows)


def replicas(capacity: Content) -> str:
    """For several shares of images that leave at the stages: replicas of each stage, and of the static network."""
    milliseconds, static = best(capacity), _best(capacity, "static")
    rows = []
    for exits in EXITS:
        counts = replicas_for(milliseconds, reach(exits))
        saved = ceil(RATE * static / 1000 / BUSY) / sum(counts)
        left = " / ".join(f"{100 * share:.0f}" for share in exits)
        rows.append([f"{left} %", *(f"{count:,}" for count in (*counts, sum(counts))), f"{saved:.2f}"])
    (alone,) = replicas_for([static], [1.0])
    rows.append(["static network", "", "", "", f"{alone:,}", "1.00"])
    return _table(["leave at stage 1 / 2 / 3", *(f"stage {name}" for name in STAGES), "in all", "times fewer"], rows)


def handed(capacity: Content) -> str:
    """What survivors weigh, and what flows between stages."""
    rows, shares = [], reach((0.5, 0.3, 0.2))
    for index, weight in enumerate(capacity["handed_bytes"]):
        flow = RATE * shares[index + 1] * weight
        rows.append([f"{index + 1} to {index + 2}", f"{weight:,}", f"{flow / 1e9:.1f} GB/s", f"{8 * flow / 1e9:,.0f}"])
    return _table(["from stage", "bytes of an image", "flow at 50 / 30 / 20 %", "Gbit/s"], rows)


def in_ray(capacity: Content, ray_cost: Content) -> str:
    """Processor time of an image that comes to a process in Ray, at 50 / 30 / 20 %, and the cores of them all."""
    shares, rows = reach((0.5, 0.3, 0.2)), []
    programs = best(capacity)
    alone = sum(cost * share for cost, share in zip(programs, shares, strict=True))
    rows.append(["programs alone", "", *(f"{cost:.2f}" for cost in programs), f"{RATE * alone / 1000:,.0f}"])
    rows.append(["a session with all stages", "", "", "", "", f"{RATE * alone * _overhead(capacity) / 1000:,.0f}"])
    for row in ray_cost["rows"]:
        found, came = row["milliseconds_per_image"], reach(row["exits"])
        each = [found[f"stage_{name}"] / share for name, share in zip(STAGES, came, strict=True)]
        whole = found["ingress"] + sum(cost * share for cost, share in zip(each, shares, strict=True))
        cells = [f"{cost:.2f}" for cost in (found["ingress"], *each)]
        rows.append([f"in Ray, batches of {row['batch']}", *cells, f"{RATE * whole / 1000:,.0f}"])
    return _table(["ms per image", "ingress", *(f"stage {name}" for name in STAGES), "busy cores"], rows)


def _overhead(capacity: Content) -> float:
    """How many times the programs alone a session takes, in its best batch, at the exits that it had."""
    session = min(capacity["session"].values(), key=lambda each: each["milliseconds_per_image"])
    pairs = zip(best(capacity), reach(session["exits"]), strict=True)
    return float(session["milliseconds_per_image"] / sum(cost * share for cost, share in pairs))


def best(capacity: Content) -> list[float]:
    """Milliseconds per image of each stage (S,), in its best batch."""
    return [_best(capacity, name) for name in STAGES]


def _best(capacity: Content, name: str) -> float:
    return float(min(capacity["milliseconds_per_image"][name].values()))


def reach(exits: Sequence[float]) -> list[float]:
    """The shares of images that come to each stage, given those that leave there."""
    return [sum(exits[stage:]) / sum(exits) for stage in range(len(exits))]


def replicas_for(milliseconds: Sequence[float], shares: Sequence[float]) -> tuple[int, ...]:
    """As few as leave none of them busier than ``BUSY``."""
    work = [RATE * cost * share / 1000 for cost, share in zip(milliseconds, shares, strict=True)]
    return plan_replicas(milliseconds, shares, sum(ceil(cores / BUSY) for cores in work))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
