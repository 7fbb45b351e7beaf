"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): their official files, read safely."""

import io
import pickle
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qifjax.data import tfds_arrays
from qifjax.data.archives import Archive
from qifjax.data.errors import DataError
from qifjax.data.official import Official

_NAMES_10 = "airplane automobile bird cat deer dog frog horse ship truck"
_NAMES_100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket
rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
turtle wardrobe whale willow_tree wolf woman worm
"""
CIFAR10_CLASSES = tuple(_NAMES_10.split())
CIFAR100_CLASSES = tuple(_NAMES_100.split())
IMAGES = {"train": 50_000, "test": 10_000}
"""Number of images of either set."""
_VERSION = "3.0.2"
_SOURCE = "https://www.cs.toronto.edu/~kriz"
_BATCHES: dict[str, dict[str, tuple[str, ...]]] = {
    "cifar10": {
        "train": tuple(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)),
        "test": ("cifar-10-batches-py/test_batch",),
    },
    "cifar100": {
        "train": ("cifar-100-python/train",),
        "test": ("cifar-100-python/test",),
    },
}


def read_archive(
    path: Path, members: Sequence[str], classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of some batches in an archive of the "Python version".

    Args:
      path: the ``.tar.gz`` file.
      members: names of the batches in it.
      classes: number of classes.

    Returns:
      ``(images, labels)``: uint8 ``[N, 32, 32, 3]`` and int32 ``[N]``.

    Raises:
      DataError: if the archive, or a batch in it, is not intact.
    """
    batches = []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in members:
                stream = archive.extractfile(member)
                if stream is None:
                    raise DataError(f"{path}: {member} is not a file")
                batches.append(stream.read())
    except (OSError, EOFError, KeyError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{path} is not an intact archive ({error})") from error
    parts = [
        read_batch(batch, f"{member} of {path}", classes)
        for member, batch in zip(members, batches, strict=True)
    ]
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def read_batch(data: bytes, place: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of one pickled batch, without running what it may contain.

    Args:
      data: the pickle: a dictionary with ``data``, uint8 ``[N, 3072]`` (planes of red,
        green and blue), and ``labels`` or ``fine_labels``.
      place: what errors call it.
      classes: number of classes.

    Returns:
      ``(images, labels)``: uint8 ``[N, 32, 32, 3]`` and int32 ``[N]``.

    Raises:
      DataError: if it is anything else.
    """
    try:
        batch = _PlainUnpickler(io.BytesIO(data), encoding="bytes").load()
        labels = np.asarray(
            batch[b"labels" if b"labels" in batch else b"fine_labels"], np.int32
        )
        planes = batch[b"data"]
        valid = (
            isinstance(planes, np.ndarray)
            and planes.dtype == np.uint8
            and planes.shape == (*labels.shape, 3 * 32 * 32)
            and np.all((labels >= 0) & (labels < classes))
        )
    except Exception as error:
        # A garbled pickle raises almost anything, and it all means the same.
        raise DataError(
            f"{place} is not a batch of CIFAR ({type(error).__name__}: {error})"
        ) from error
    if not valid:
        raise DataError(
            f"{place} is not a batch of CIFAR: expected uint8 data of shape (N, 3072) "
            f"and N labels in 0 to {classes - 1}"
        )
    return planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


class _PlainUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and plain types, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        # NumPy has moved since 2009, so its names are taken from an array at hand.
        allowed = {
            "_reconstruct": np.empty(0).__reduce__()[0],
            "ndarray": np.ndarray,
            "dtype": np.dtype,
        }
        if module.partition(".")[0] != "numpy" or name not in allowed:
            raise pickle.UnpicklingError(f"it wants to use {module}.{name}")
        return allowed[name]


def _official(name: str, archive: Archive, class_names: tuple[str, ...]) -> Official:
    def install(data_dir: Path, paths: Sequence[Path]) -> None:
        splits = {
            split: read_archive(paths[0], members, len(class_names))
            for split, members in _BATCHES[name].items()
        }
        tfds_arrays.write(data_dir, name, _VERSION, class_names, splits)

    return Official(name, f"tfds/{name}/{_VERSION}", _SOURCE, (archive,), install)


CIFAR10 = _official(
    "cifar10",
    Archive("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
    CIFAR10_CLASSES,
)
"""The official file of CIFAR-10."""

CIFAR100 = _official(
    "cifar100",
    Archive("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),
    CIFAR100_CLASSES,
)
"""The official file of CIFAR-100."""
