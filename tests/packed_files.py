"""Packed image sets in small, as files that the project did not write itself hold."""

import io
import json
import zipfile

import numpy as np

_NAMES = "airplane automobile bird cat deer dog frog horse ship truck"
CLASSES = _NAMES.split()


def random_images(number, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (number, 32, 32, 3), np.uint8), np.arange(number) % 10


def write_zip(path, split, images, labels, strip=3, changes=None):
    """One zip, with strips of a few images and a changed index."""
    from PIL import Image

    index = {
        "dataset": "cifar10",
        "split": split,
        "count": len(images),
        "shape": [32, 32, 3],
        "class_names": CLASSES,
        "labels": [int(label) for label in labels],
        "ids": [f"id_{i}" for i in range(len(images))],
        **(changes or {}),
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("index.json", json.dumps(index))
        for i, start in enumerate(range(0, len(images), strip)):
            rows = images[start : start + strip].reshape(-1, 32, 3)
            stream = io.BytesIO()
            Image.fromarray(rows).save(stream, "WEBP", lossless=True)
            archive.writestr(f"images-{i:03d}.webp", stream.getvalue())


def write_cifar10(data_dir, train=24, test=10, parts=2):
    """Packed files under a data folder; what they hold, by split."""
    folder = data_dir / "packed" / "cifar10"
    folder.mkdir(parents=True)
    splits = {"train": random_images(train), "test": random_images(test, 1)}
    for split, (images, labels) in splits.items():
        for i in range(parts):
            name = f"cifar10-{split}-{i:02d}-of-{parts:02d}.zip"
            half = np.array_split(np.arange(len(images)), parts)[i]
            write_zip(folder / name, split, images[half], labels[half])
    return splits
