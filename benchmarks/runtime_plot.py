"""Draw what benchmarks/runtime.py measured: speed-ups against cuts in macs.

python benchmarks/runtime_plot.py results/runtime.json docs/pictures/speed-ups.svg
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s2dnas.artifacts import replacing
from s2dnas.report.style import MUTED, STATIC, styled, to_svg

NAMES = {"resnet18": "ResNet-18", "resnet50": "ResNet-50", "vgg16_bn": "VGG16-BN", "mobilenet_v2": "MobileNetV2"}
COLORS = {"resnet18": "#17406d", "resnet50": "#d1531b", "vgg16_bn": "#35a19b", "mobilenet_v2": "#8a5ea8"}
BLOCKED = "onnxruntime, blocked"


def plot(rows: Sequence[dict[str, Any]]) -> str:
    """A panel per size of the batch, as an ``<svg>`` element: on the dashed line, all that is saved is time."""
    batches = sorted({row["batch"] for row in rows})
    with styled(2.9) as figure:
        panels = figure.subplots(1, len(batches), sharex=True, sharey=True)
        most = max(max(row["mac_cut"], row["speed_up"]) for row in rows) + 0.2
        for axes, batch in zip(panels, batches, strict=True):
            axes.plot([1, most], [1, most], "--", color=MUTED, linewidth=0.8)
            axes.axhline(1, color=STATIC, linewidth=0.8)
            for network, color in COLORS.items():
                own = [row for row in rows if row["network"] == network and row["batch"] == batch]
                label = NAMES[network] if batch == batches[0] else None
                cuts, ups = [row["mac_cut"] for row in own], [row["speed_up"] for row in own]
                axes.plot(cuts, ups, "o", color=color, markersize=4, label=label)
            axes.set_title(f"batch {batch}", loc="left", fontsize=9)
            axes.set_xlabel("cut in macs")
        panels[0].set_ylabel("times the static network's speed")
        figure.legend(loc="outside upper right", ncols=len(COLORS), fontsize=8.5, handlelength=1)
        return to_svg(figure)


def main() -> None:
    """Read the file of the benchmark, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", type=Path)
    parser.add_argument("svg", type=Path)
    arguments = parser.parse_args()
    rows = [row for row in json.loads(arguments.json.read_text())["rows"] if row["engine"] == BLOCKED]
    with replacing(arguments.svg) as temporary:
        temporary.write_text(plot(rows))


if __name__ == "__main__":
    main()
