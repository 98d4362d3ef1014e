"""How much faster training is in half precision: steps in turn, A B A B, on random images of 32x32.

python benchmarks/precision.py --json results/precision.json
"""

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from s2dnas.artifacts import write_json
from s2dnas.models.registry import create_model

MODELS = ("resnet20", "vgg16_bn", "mobilenet_v2")
BATCH = 64
STEPS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows = []
    for name in MODELS:
        model = create_model(name, 10, 3).to(memory_format=torch.channels_last).train()
        for half in (False, True):
            step(model, half=half)  # the first step prepares kernels
        pairs = [[images_per_second(model, half=half) for half in (False, True)] for _ in range(given.rounds)]
        rows.append({"model": name, "images_per_second": pairs, "ratios": [half / full for full, half in pairs]})
        print(rows[-1], flush=True)
    write_json(given.json, "precision", {"threads": given.threads, "batch": BATCH, "rows": rows})


def images_per_second(model: nn.Module, *, half: bool) -> float:
    """Of some training steps."""
    start = time.perf_counter()
    for _ in range(STEPS):
        step(model, half=half)
    return STEPS * BATCH / (time.perf_counter() - start)


def step(model: nn.Module, *, half: bool) -> None:
    """Forward and backward; the update costs the same either way."""
    images = torch.randn(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (BATCH,))
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        logits = model(images)
    F.cross_entropy(logits.float(), labels).backward()
    model.zero_grad()


if __name__ == "__main__":
    main()
