"""Do bundles of whole networks answer as PyTorch does? Networks of s2dnas, torchvision and timm, with random weights.

python benchmarks/zoo_bundles.py --json results/zoo-bundles.json
python benchmarks/zoo_bundles.py --json F --models resnet18:64 torchvision:densenet121:64

Each is divided into three stages of equal shares and exported by PyTorch's newer exporter; ONNX's full checker has then
passed. Its stages, a session and the single file answer the images in batches of 0, 1, 2 and 7. Models that the file
has already are left out, and whatever a network raises is its row. Needs the extra zoo.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from s2dnas.api.network import analyse
from s2dnas.artifacts import read_json, write_json
from s2dnas.exits import ExitRule, Scoring, as_scoring
from s2dnas.export.bundling import export
from s2dnas.export.checking import check_bundle
from s2dnas.inherit.norms import with_recalibrated_norms
from s2dnas.masked.shared import SharedNet
from s2dnas.models.registry import create_model
from s2dnas.network.weights import static_weights
from s2dnas.runtime import Bundle, Session
from s2dnas.staged.build import MultiStageNet
from s2dnas.verification.verify import as_if_trained

MODELS = (
    *("resnet20:32", "resnet18:64", "resnet50:64", "vgg16_bn:32", "mobilenet_v2:32"),
    *(f"torchvision:{name}:64" for name in ("resnet50", "convnext_tiny", "efficientnet_b0", "mobilenet_v3_large")),
    *(f"torchvision:{name}:64" for name in ("mobilenet_v3_small", "regnet_y_400mf", "regnet_x_400mf", "densenet121")),
    *(f"timm:{name}:64" for name in ("resnet50", "convnext_tiny", "efficientnet_b0", "mobilenetv3_large_100")),
    *(f"timm:{name}:64" for name in ("regnety_004", "densenet121")),
)
"""Names, each with the width of its images."""
KIND = "zoo_bundles"
NUM_STAGES, NUM_CLASSES = 3, 100
SIZES = (1, 2, 7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--images", type=int, default=200)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = read_json(given.json, KIND)["rows"] if given.json.exists() else []
    for name in given.models:
        if name not in {row["model"] for row in rows}:
            rows.append(measured(name, given.images))
            print(rows[-1], flush=True)
            write_json(given.json, KIND, {"torch": torch.__version__, "images": given.images, "rows": rows})


def measured(name: str, count: int) -> dict[str, Any]:
    """The row of a model."""
    start = time.process_time()
    try:
        found = check(name, count)
    except Exception as error:  # one network must not end the table; what it raised is a finding
        found = {"passed": False, "faults": [f"raised {type(error).__name__}: {error}"]}
    return {"model": name, "seconds": round(time.process_time() - start, 1), **found}


def check(name: str, count: int) -> dict[str, Any]:
    """Export a network and compare the bundle with it."""
    torch.manual_seed(0)
    spec, _, width = name.rpartition(":")
    images = patterns(count, int(width))
    model = as_if_trained(create_model(spec, NUM_CLASSES), np.random.default_rng(0)).float()
    net = analyse(model, images[:1])
    shared = SharedNet(net.graph, static_weights(net.graph, NUM_STAGES))
    # With norms of other images, features fade until all images look alike.
    network = net.build(with_recalibrated_norms(shared, net.space(NUM_STAGES).uniform(), images.split(50)))
    with TemporaryDirectory() as folder:
        bundle = export(network, halving(network, images), folder)
        refuse_none(bundle)
        found = check_bundle(bundle, network, batches(images)).to_dict()
        exits = np.bincount(Session(bundle)(images.numpy()).stages, minlength=NUM_STAGES).tolist()
    return {**found, "exits": exits, "macs": list(network.macs), "static_macs": net.static_macs}


def patterns(count: int, width: int) -> Tensor:
    """Images (N, C, H, W) that differ in what is left after pooling: mere noise is the same everywhere to a network."""
    coarse = F.interpolate(torch.randn(count, 3, 4, 4), size=(width, width), mode="bilinear")
    return coarse + torch.randn(count, 3, 1, 1) + 0.3 * torch.randn(count, 3, width, width)


def halving(network: MultiStageNet, images: Tensor) -> ExitRule:
    """At each stage half of the images are sure enough, however large logits of random weights are."""
    with torch.inference_mode():
        logits = torch.cat([network(some) for some in images.split(20)], dim=1).numpy()
    scoring = Scoring("margin", tuple(map(float, logits.std(axis=(1, 2)))))
    scores, _ = as_scoring(scoring).answers(logits)
    return ExitRule(scoring, tuple(map(float, np.median(scores, axis=1)[:-1])))


def batches(images: Tensor) -> Iterator[Tensor]:
    """All images, in batches of several sizes in turn."""
    first, turn = 0, 0
    while first < len(images):
        yield images[first : first + SIZES[turn % len(SIZES)]]
        first, turn = first + SIZES[turn % len(SIZES)], turn + 1


def refuse_none(bundle: Bundle) -> None:
    """A batch without images is answered, too."""
    assert len(Session(bundle)(np.zeros((0, *bundle.manifest.image_shape), np.float32))) == 0


if __name__ == "__main__":
    main()
