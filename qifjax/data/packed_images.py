"""Image data sets in few small files, which need NumPy and Pillow alone.

Read from ``DATA_DIR/packed/NAME``, where machines without TFDS have their data:

- CIFAR: ``NAME-train-00-of-04.zip`` and so on. Each holds ``index.json`` (the keys
  ``dataset``, ``split``, ``count``, ``shape``, ``class_names`` and ``labels``) and
  ``images-000.webp`` and so on, strips of images on top of one another, lossless.
- Fashion-MNIST: its four official ``.gz`` files.

The examples have the order that TFDS gives them where they were written with their
place in these files as key, so both ways lead to equal arrays.
"""

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qifjax.data import fashion_mnist
from qifjax.data.errors import DataError
from qifjax.data.tfds_arrays import Arrays

_IDX = {
    part: [f"{stem}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
    for part, stem in (("train", "train"), ("test", "t10k"))
}


def find(data_dir: Path, name: str) -> Path | None:
    """The folder of the packed files of a data set, or None where there is none."""
    folder = data_dir / "packed" / name
    return folder if folder.is_dir() else None


def files(folder: Path, part: str) -> list[Path]:
    """The packed files of one part of a data set, in order.

    Args:
      folder: what :func:`find` has found.
      part: ``"train"`` or ``"test"``.

    Returns:
      All of them.

    Raises:
      DataError: if one is missing; the message names it.
    """
    names = _IDX[part] if folder.name == fashion_mnist.OFFICIAL.name else None
    if names is None:
        stem = f"{folder.name}-{part}-"
        there = [path.name for path in folder.glob(f"{stem}*.zip")]
        found = [re.fullmatch(r".*-(\d+)-of-(\d+)\.zip", name) for name in there]
        totals = {match[2] for match in found if match}
        if len(totals) != 1 or None in found:
            raise DataError(
                f"{folder} needs the files {stem}00-of-NN.zip of one NN, found "
                f"{', '.join(sorted(there)) or 'none'}; copy them there again"
            )
        (total,) = totals
        number, digits = int(total), len(total)
        names = [f"{stem}{i:0{digits}}-of-{total}.zip" for i in range(number)]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)} ({len(missing)} of the {len(names)} "
            f"files of {part}); copy them there"
        )
    return [folder / name for name in names]


def stamp(paths: Sequence[Path]) -> str:
    """Digits that change with any byte of some files."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def read(paths: Sequence[Path], part: str, class_names: Sequence[str]) -> Arrays:
    """All images and labels of one part.

    Args:
      paths: what :func:`files` has listed.
      part: likewise.
      class_names: the names that the classes have to have.

    Returns:
      The examples, in the order of TFDS.

    Raises:
      DataError: if a file is damaged or of another data set; the message names it.
    """
    if paths[0].suffix == ".gz":
        images, labels = map(fashion_mnist.read_idx, paths)
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise DataError(
                f"images {images.shape} of {paths[0]} and labels {labels.shape} of "
                f"{paths[1]} do not belong together; copy them there again"
            )
        images = images[..., None]
    else:
        name = paths[0].parent.name
        parts = [_read_zip(path, name, part, class_names) for path in paths]
        images, labels = map(np.concatenate, zip(*parts, strict=True))
    order = _tfds_order(part, len(labels))
    return Arrays(images[order], labels[order].astype(np.int32))


def _read_zip(
    path: Path, name: str, part: str, class_names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 ``[N, H, W, 3]`` and labels ``[N]`` of one zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            index = json.loads(archive.read("index.json"))
            strips = sorted(n for n in archive.namelist() if n.endswith(".webp"))
            shape = tuple(index["shape"])
            images = np.concatenate([_strip(archive.read(n), shape) for n in strips])
        labels = np.asarray(index["labels"], np.int32)
        belongs = (index["dataset"], index["split"]) == (name, part)
        belongs = belongs and list(index["class_names"]) == list(class_names)
        whole = images.shape == (index["count"], *shape) and len(labels) == len(images)
    except (
        # An unknown compression is a RuntimeError.
        *(OSError, EOFError, zipfile.BadZipFile, zlib.error),
        *(KeyError, TypeError, ValueError, OverflowError, RuntimeError),
    ) as error:
        raise DataError(
            f"{path} is not an intact zip of image strips "
            f"({type(error).__name__}: {error}); copy it there again"
        ) from error
    if not belongs:
        raise DataError(f"{path} does not hold {part} of {name}; copy it there again")
    if not whole:
        raise DataError(
            f"{path} holds {len(images)} images and {len(labels)} labels of "
            f"{index['count']}; copy it there again"
        )
    return images, labels


def _strip(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The images of one strip, uint8 ``[N, H, W, 3]``."""
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(
            f"packed images need Pillow ({error}); "
            "install it with: pip install 'qifjax[data]'"
        ) from error
    image = Image.open(io.BytesIO(data), formats=["WEBP"])
    return np.asarray(image.convert("RGB")).reshape(-1, *shape)


def _tfds_order(part: str, number: int) -> np.ndarray:
    """The places of examples in the order in which TFDS writes those of a split.

    It sorts them by the MD5 of the split's name and their key, here 0, 1, 2, ...
    """
    start = hashlib.md5(part.encode(), usedforsecurity=False)

    def digest(key: int) -> bytes:
        salted = start.copy()
        salted.update(str(key).encode())
        return salted.digest()

    return np.asarray(sorted(range(number), key=digest))
