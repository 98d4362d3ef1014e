"""What augmentation costs: training batches of 32x32 images per second, each setting in turn with crop and flip alone.

python benchmarks/augmentation.py --threads 1
"""

import argparse
import statistics
import time

import torch

from s2dnas.data.augment import Augmentation
from s2dnas.data.batches import training_batches
from s2dnas.data.images import ImageData
from s2dnas.data.normalise import IMAGENET_STATS

IMAGES, BATCH = 2560, 128
PLAIN = Augmentation()
SETTINGS = {
    "nothing": Augmentation(crop=False, flip=False),
    "rand_augment=1": Augmentation(rand_augment=1),
    "rand_augment=2": Augmentation(rand_augment=2),
    "erasing=0.25": Augmentation(erasing=0.25),
    "mixup=0.2": Augmentation(mixup=0.2),
    "cutmix=1.0": Augmentation(cutmix=1.0),
    "all four": Augmentation(rand_augment=2, erasing=0.25, mixup=0.2, cutmix=1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data = random_images(torch.Generator().manual_seed(0))
    images_per_second(data, PLAIN)  # the first pass imports kornia
    print(f"{given.threads} thread(s), batches of {BATCH} images 3x32x32, median of {given.rounds} rounds A B A B")
    for name, augmentation in SETTINGS.items():
        pairs = [[images_per_second(data, each) for each in (PLAIN, augmentation)] for _ in range(given.rounds)]
        plain, changed = map(statistics.median, zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{name:15} {changed:9,.0f} images/s, crop and flip {plain:9,.0f}: {ratio:.2f} times", flush=True)


def random_images(generator: torch.Generator) -> ImageData:
    """Of ten classes."""
    pixels = torch.randint(0, 256, (IMAGES, 3, 32, 32), generator=generator, dtype=torch.uint8)
    return ImageData(pixels, torch.arange(IMAGES) % 10, tuple("0123456789"))


def images_per_second(data: ImageData, augmentation: Augmentation) -> float:
    """Of one pass."""
    generator = torch.Generator().manual_seed(0)
    start = time.perf_counter()
    for _ in training_batches(data, IMAGENET_STATS, BATCH, augmentation, generator, "cpu"):
        pass
    return len(data) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
