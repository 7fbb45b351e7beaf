"""Fashion-MNIST (Xiao et al. 2017): its official files and how they become arrays."""

import gzip
from pathlib import Path

import numpy as np

from qifjax.data import tfds_arrays
from qifjax.data.archives import Archive, fetch
from qifjax.data.errors import DataError

NAME = "fashion_mnist"
VERSION = "3.0.1"
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
OFFICIAL_SOURCE = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_FILES = {
    "train": (
        Archive("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        Archive("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
    ),
    "test": (
        Archive("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        Archive("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
}
_IMAGES, _LABELS = 2051, 2049


def prepare(data_dir: Path, source: str = OFFICIAL_SOURCE) -> Path:
    """Gets the four official files, verifies them and writes them in TFDS's layout.

    Args:
      data_dir: where ``downloads`` and ``tfds`` are.
      source: web address or local folder of the four files.

    Returns:
      The folder of the prepared data set.

    Raises:
      DataError: if a file cannot be had or is not the official one, or the data set is
        prepared already.
    """
    splits = {}
    for split, archives in _FILES.items():
        folder = data_dir / "downloads" / NAME
        images, labels = (fetch(archive, source, folder) for archive in archives)
        splits[split] = (read_idx(images)[..., None], read_idx(labels))
    return tfds_arrays.write(data_dir, NAME, VERSION, CLASS_NAMES, splits)


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
    except (OSError, EOFError) as error:
        raise DataError(f"{path} is not an intact gzip file ({error})") from error
    magic = int.from_bytes(data[:4], "big")
    if magic not in (_IMAGES, _LABELS):
        raise DataError(f"{path}: magic number {magic} at byte 0, not an IDX file")
    rank = magic % 256
    header = 4 + 4 * rank
    shape = tuple(np.frombuffer(data[4:header], ">u4").astype(int))
    if len(data) != header + int(np.prod(shape)):
        raise DataError(
            f"{path}: {len(data) - header} bytes after the header, expected {shape}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
