"""The torchvision side of benchmarks.images, for an interpreter that has torchvision.

Reads requests from standard input, one a line: the name of a recipe. For each it puts
all images through that recipe once and writes the seconds that this took. It imports
nothing of this project.

    python benchmarks/torchvision_images.py IMAGES.npy BATCH WORKERS
"""

import sys
import time

import numpy as np
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

_MEAN, _STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


def recipe(name):
    """The usual transforms: crop, flip, (AutoAugment), a hidden square, normalise."""
    policy = transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10)
    return transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            *([policy] if name == "cifar100" else []),
            transforms.ToTensor(),
            # torchvision has no cutout; this hides a square of 16 x 16 as well.
            transforms.RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0)),
            transforms.Normalize(_MEAN, _STD),
        ]
    )


class Images(Dataset):
    """Images in memory, transformed one by one as torchvision's CIFAR10 does."""

    def __init__(self, images, transform):
        self.images, self.transform = images, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index]))


def main():
    """Answers requests until standard input ends."""
    path, batch, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    images = np.load(path)
    loaders = {}
    print(torchvision.__version__, flush=True)
    for line in sys.stdin:
        name = line.strip()
        if name not in loaders:
            loaders[name] = DataLoader(
                Images(images, recipe(name)),
                batch_size=batch,
                num_workers=workers,
                persistent_workers=workers > 0,
            )
            # Starts the workers, which stay.
            for _ in loaders[name]:
                pass
        start = time.perf_counter()
        for _ in loaders[name]:
            pass
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
