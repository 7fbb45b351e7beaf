"""The way to the data sets: by name and split."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from qifjax.data import (
    cifar,
    digits,
    fashion_mnist,
    packed_images,
    simulated,
    tfds_arrays,
    tiny_imagenet,
)
from qifjax.data.array_cache import load_or_build
from qifjax.data.dataset import Dataset, Description, digest
from qifjax.data.errors import DataError
from qifjax.data.events import event_sets
from qifjax.data.events.build import Progress
from qifjax.data.events.catalogue import EVENT_SETS
from qifjax.data.events.frames import FrameRecipe
from qifjax.data.splits import hashed_fraction
from qifjax.data.tfds_arrays import Arrays

SPLITS = ("train", "test", "fit", "validation")
"""All training examples; the test set; training examples without and in validation."""

VALIDATION_SHARE = 0.1
DIGITS_TEST_SHARE = 0.2


@dataclass(frozen=True)
class _Part:
    """The train or test part of a data set, before a validation part is chosen."""

    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    rule: str
    source: str
    # What a validation part is chosen by, where it is not the inputs.
    identity: np.ndarray | None = None


def _read_digits(data_dir: Path, part: str) -> _Part:
    del data_dir
    images, labels = digits.read()
    is_test = hashed_fraction(images, "digits test") < DIGITS_TEST_SHARE
    chosen = is_test if part == "test" else ~is_test
    rule = f"no official split: test is hash < {DIGITS_TEST_SHARE}"
    names = tuple("0123456789")
    return _Part(
        images[chosen], labels[chosen], names, rule, "scikit-learn load_digits"
    )


def _image_reader(
    name: str, names: tuple[str, ...], complete: Mapping[str, int]
) -> Callable[[Path, str], _Part]:
    """Reads a set in the layout of TFDS, or where there is none from packed files."""

    def read(data_dir: Path, part: str) -> _Part:
        try:
            folder = tfds_arrays.find(data_dir, name)
        except DataError:
            packed = packed_images.find(data_dir, name)
            if packed is None:
                raise
            folder, paths = packed, packed_images.files(packed, part)
            key = f"{name}-packed-{part}-{packed_images.stamp(paths)}"
            source = f"packed {name}"

            def build() -> Arrays:
                return packed_images.read(paths, part, names)
        else:
            info = (folder / "dataset_info.json").read_bytes()
            stamp = hashlib.sha256(info).hexdigest()[:16]
            key = f"{name}-{folder.name}-{part}-{stamp}"
            source = f"TFDS {name} {folder.name}"

            def build() -> Arrays:
                return tfds_arrays.read(folder, part)

        arrays = load_or_build(data_dir / "cache" / key, lambda: build()._asdict())
        inputs, labels = arrays["inputs"], arrays["labels"]
        if not len(labels) or labels.min() < 0 or labels.max() >= len(names):
            raise DataError(
                f"{part} of {folder} needs labels in 0 to {len(names) - 1}; "
                "delete that folder and prepare the data set again"
            )
        if len(labels) != complete[part]:
            kind = "sample" if len(labels) < complete[part] else "unofficial set"
            source = f"{kind}: {len(labels):,} of {complete[part]:,} images in {source}"
        return _Part(inputs, labels, names, "official split", source)

    return read


def _read_tiny_imagenet(data_dir: Path, part: str) -> _Part:
    folder = tiny_imagenet.find(data_dir)
    key = f"tiny_imagenet-{part}-{tiny_imagenet.stamp(folder)}"
    arrays = load_or_build(
        data_dir / "cache" / key, lambda: tiny_imagenet.read(folder, part)._asdict()
    )
    names = tiny_imagenet.class_names(folder)
    rule = "official train" if part == "train" else "official validation as test"
    return _Part(arrays["inputs"], arrays["labels"], names, rule, tiny_imagenet.FOLDER)


_READERS: dict[str, Callable[[Path, str], _Part]] = {
    "cifar10": _image_reader("cifar10", cifar.CIFAR10_CLASSES, cifar.IMAGES),
    "cifar100": _image_reader("cifar100", cifar.CIFAR100_CLASSES, cifar.IMAGES),
    "digits": _read_digits,
    "fashion_mnist": _image_reader(
        "fashion_mnist", fashion_mnist.CLASS_NAMES, fashion_mnist.IMAGES
    ),
    "tiny_imagenet": _read_tiny_imagenet,
}


def _simulated_reader(name: str) -> Callable[[Path, str], _Part]:
    image_set = simulated.SETS[name].source

    def read(data_dir: Path, part: str) -> _Part:
        images = _READERS[image_set](data_dir, part)
        events = simulated.read(name, images.inputs, part, data_dir)
        source = f"simulated from {image_set} ({images.source}) by an event camera"
        return replace(images, inputs=events, source=source, identity=images.inputs)

    return read


_READERS |= {name: _simulated_reader(name) for name in simulated.SETS}


def names() -> tuple[str, ...]:
    """The names that :func:`load` knows, sorted."""
    return tuple(sorted([*_READERS, *EVENT_SETS]))


def load(
    name: str,
    data_dir: str | Path = ".data",
    split: str = "train",
    *,
    frames: FrameRecipe | None = None,
    split_rule: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Reads one split of a data set.

    The validation part is a tenth of the training examples, chosen by a hash of each
    image's bytes, or of each recording's file name and class, so it depends neither on
    file order nor on a seed, nor on how recordings become frames.

    Args:
      name: one of :func:`names`.
      data_dir: where data sets are; ``digits`` need none.
      split: ``"train"`` (all training examples), ``"test"``, ``"validation"`` (a tenth
        of train) or ``"fit"`` (the other nine).
      frames: how recordings become frames, for event data sets; None is the default of
        the data set.
      split_rule: which of its rules tells train and test apart, for event data sets;
        likewise.
      progress: called with the numbers of recordings done and to do, where an event
        data set is read for the first time.

    Returns:
      The examples, uint8, and what is known of them.

    Raises:
      DataError: if there is no such data set or split, or its files are missing or
        damaged; the message says what to do.
    """
    if name not in names():
        raise DataError(f"unknown data set {name!r} (known: {', '.join(names())})")
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r} (known: {', '.join(SPLITS)})")
    half = "test" if split == "test" else "train"
    if name in EVENT_SETS:
        read = event_sets.read_part(
            name,
            Path(data_dir),
            half,
            recipe=frames,
            split_rule=split_rule,
            progress=progress,
        )
        part = _Part(*read)
    elif frames is not None or split_rule is not None:
        raise DataError(
            f"{name} has images: frames and split_rule are for event data sets "
            f"({', '.join(sorted(EVENT_SETS))})"
        )
    else:
        part = _READERS[name](Path(data_dir), half)
    inputs, labels, rule = part.inputs, part.labels, part.rule
    if split in ("fit", "validation"):
        identity = inputs if part.identity is None else part.identity
        held_out = hashed_fraction(identity, "validation") < VALIDATION_SHARE
        chosen = held_out if split == "validation" else ~held_out
        inputs, labels = inputs[chosen], labels[chosen]
        rule += f"; validation is hash < {VALIDATION_SHARE} of train"
    checksum = digest(inputs, labels)
    description = Description(name, split, rule, part.source, checksum)
    return Dataset(inputs, labels, part.class_names, description)
