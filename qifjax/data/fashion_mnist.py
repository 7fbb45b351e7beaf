"""Fashion-MNIST (Xiao et al. 2017): its official files and how they become arrays."""

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qifjax.data import tfds_arrays
from qifjax.data.archives import Archive
from qifjax.data.errors import DataError
from qifjax.data.official import Official

_NAME, _VERSION = "fashion_mnist", "3.0.1"
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
IMAGES = {"train": 60_000, "test": 10_000}
"""Number of images."""

_IMAGES, _LABELS = 2051, 2049


def _install(data_dir: Path, paths: Sequence[Path]) -> None:
    arrays = [read_idx(path) for path in paths]
    splits = {}
    for split, images, labels in zip(
        ("train", "test"), arrays[::2], arrays[1::2], strict=True
    ):
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise DataError(
                f"{split} images {images.shape} and labels {labels.shape} of {_NAME} "
                f"do not belong together; delete {paths[0].parent} and prepare again"
            )
        splits[split] = (images[..., None], labels)
    tfds_arrays.write(data_dir, _NAME, _VERSION, CLASS_NAMES, splits)


OFFICIAL = Official(
    name=_NAME,
    place=f"tfds/{_NAME}/{_VERSION}",
    source="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    archives=(
        Archive("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        Archive("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        Archive("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        Archive("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
    install=_install,
)
"""The official files."""


def read_idx(path: Path) -> np.ndarray:
    """An array in the gzipped IDX format of MNIST.

    Args:
      path: file of uint8 images ``[N, H, W]`` or labels ``[N]``.

    Returns:
      uint8 array.

    Raises:
      DataError: if the file is of another kind or incomplete.
    """
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is not an intact gzip file ({error})") from error
    magic = int.from_bytes(data[:4], "big")
    if magic not in (_IMAGES, _LABELS):
        raise DataError(f"{path}: magic number {magic} at byte 0, not an IDX file")
    rank = magic % 256
    header = 4 + 4 * rank
    sizes = [data[place : place + 4] for place in range(4, header, 4)]
    shape = tuple(int.from_bytes(size, "big") for size in sizes)
    if len(data) != header + math.prod(shape):
        raise DataError(
            f"{path}: {len(data) - header} bytes after the header, expected {shape}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
