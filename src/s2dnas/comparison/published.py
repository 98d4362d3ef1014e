"""Curves that others published, read off their figures to about 0.1 point: drawn as not ours, never compared with."""

PublishedCurve = tuple[tuple[float, float], ...]

PUBLISHED: dict[str, dict[str, PublishedCurve]] = {
    "cifar10": {
        "MSDNet (L2W authors' run)": ((10, 92.0), (15, 93.0), (20, 93.2), (25, 93.65), (30, 93.9), (40, 94.05)),
        "L2W-DEN": ((10, 92.3), (15, 93.55), (20, 94.4), (25, 94.7), (30, 94.75)),
    },
    "cifar100": {
        "MSDNet (L2W authors' run)": ((12, 67.2), (15, 69.2), (20, 71.2), (25, 72.5), (30, 73.2), (60, 74.6)),
    },
}
"""By data set and method: millions of macs and accuracy in percent, on the original images."""
