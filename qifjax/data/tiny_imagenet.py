"""Tiny ImageNet (Stanford CS231n 2015): 200 classes of ImageNet at 64 x 64."""

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qifjax.data.archives import Archive
from qifjax.data.errors import DataError
from qifjax.data.official import Official
from qifjax.data.tfds_arrays import Arrays

FOLDER = "tiny-imagenet-200"


class Expected(NamedTuple):
    """How much there is: classes, images of each for training, test images, pixels."""

    classes: int
    train_per_class: int
    test: int
    size: int


EXPECTED = Expected(classes=200, train_per_class=500, test=10_000, size=64)
"""The whole data set. The labels of its test images are not public, so that its
validation images serve as the test set."""


def find(data_dir: Path) -> Path:
    """The unpacked folder.

    Args:
      data_dir: folder with ``tiny-imagenet-200``.

    Returns:
      That folder.

    Raises:
      DataError: if it is not there; the message says what to fetch.
    """
    folder = data_dir / FOLDER
    if not folder.is_dir():
        archive = OFFICIAL.archives[0].name
        raise DataError(
            f"no {folder}; get it with: python -m experiments.prepare tiny_imagenet "
            f"--data-dir {data_dir}, or unpack {OFFICIAL.source}/{archive} there, so "
            f"that {folder / 'wnids.txt'} exists"
        )
    return folder


def read(folder: Path, part: str) -> Arrays:
    """All images and labels of the train or test part.

    Args:
      folder: the unpacked folder.
      part: ``"train"``, or ``"test"`` for the official validation images.

    Returns:
      uint8 images ``[N, 64, 64, 3]``, grey ones as RGB, by class and file name; int32
      labels ``[N]``, the place of the class in the sorted WordNet identifiers.

    Raises:
      DataError: if a file is missing, damaged or of another size, or there are more or
        fewer than there should be.
    """
    files = _test_files(folder) if part == "test" else _train_files(folder)
    images = np.empty((len(files), EXPECTED.size, EXPECTED.size, 3), np.uint8)

    def decode(place: int) -> None:
        images[place] = _decode(files[place][0])

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(decode, range(len(files))):
            pass
    return Arrays(images, np.asarray([label for _, label in files], np.int32))


def class_names(folder: Path) -> tuple[str, ...]:
    """The first English word of each class, in the order of the labels."""
    lines = _lines(folder / "words.txt")
    words = dict(line.partition("\t")[::2] for line in lines)
    return tuple(
        words.get(wnid, wnid).split(",")[0].strip() for wnid in _classes(folder)
    )


def stamp(folder: Path) -> str:
    """A checksum of the lists of classes and test images, for the name of a cache."""
    lists = (folder / "wnids.txt", folder / "val" / "val_annotations.txt")
    text = "\n".join(line for path in lists for line in _lines(path))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _classes(folder: Path) -> list[str]:
    path = folder / "wnids.txt"
    wnids = sorted({line.strip() for line in _lines(path) if line.strip()})
    if len(wnids) != EXPECTED.classes:
        raise DataError(f"{path}: {len(wnids)} classes, expected {EXPECTED.classes}")
    return wnids


def _train_files(folder: Path) -> list[tuple[Path, int]]:
    files = []
    for label, wnid in enumerate(_classes(folder)):
        images = folder / "train" / wnid / "images"
        found = sorted(images.glob("*.JPEG"))
        if len(found) != EXPECTED.train_per_class:
            raise DataError(
                f"{images}: {len(found)} JPEG files, expected "
                f"{EXPECTED.train_per_class}; delete {folder} and prepare it again"
            )
        files += [(path, label) for path in found]
    return files


def _test_files(folder: Path) -> list[tuple[Path, int]]:
    path = folder / "val" / "val_annotations.txt"
    labels = {wnid: label for label, wnid in enumerate(_classes(folder))}
    files = []
    for number, line in enumerate(_lines(path), 1):
        name, wnid, *_ = [*line.split("\t"), "", ""]
        if wnid not in labels or Path(name).name != name:
            raise DataError(
                f"{path}, line {number}: expected a file name and a class of "
                f"wnids.txt, found {line!r}"
            )
        files.append((path.parent / "images" / name, labels[wnid]))
    if len(files) != EXPECTED.test:
        raise DataError(f"{path}: {len(files)} lines, expected {EXPECTED.test}")
    return sorted(files)


def _decode(path: Path) -> np.ndarray:
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(
            f"reading JPEG files needs Pillow ({error}); "
            "install it with: pip install 'qifjax[data]'"
        ) from error
    try:
        with Image.open(path, formats=["JPEG"]) as image:
            pixels = np.asarray(image.convert("RGB"))
    except Exception as error:
        # A garbled JPEG raises almost anything, and it all means the same.
        raise DataError(
            f"{path} is not an intact JPEG file ({type(error).__name__}: {error})"
        ) from error
    if pixels.shape != (EXPECTED.size, EXPECTED.size, 3):
        raise DataError(
            f"{path}: {pixels.shape[1]} x {pixels.shape[0]} pixels, expected "
            f"{EXPECTED.size} x {EXPECTED.size}"
        )
    return pixels


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read {path} ({error}); delete {path.parent} and prepare "
            "tiny_imagenet again"
        ) from error


def _install(data_dir: Path, paths: Sequence[Path]) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{FOLDER}.partial-", dir=data_dir))
    try:
        with zipfile.ZipFile(paths[0]) as archive:
            archive.extractall(partial)
        _classes(partial / FOLDER)
        os.replace(partial / FOLDER, data_dir / FOLDER)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{paths[0]} is not an intact archive ({error})") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


OFFICIAL = Official(
    name="tiny_imagenet",
    place=FOLDER,
    source="http://cs231n.stanford.edu",
    archives=(Archive("tiny-imagenet-200.zip", "90528d7ca1a48142e341f4ef8d21d0de"),),
    install=_install,
)
"""The official file."""
