"""Data sets as their authors publish them: which files, and what becomes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qifjax.data.archives import Archive, fetch
from qifjax.data.errors import DataError


@dataclass(frozen=True)
class Official:
    """A data set that can be prepared from its official files.

    Attributes:
      name: name of the data set, as :func:`qifjax.data.load` takes it.
      place: folder of the prepared data set, relative to the data folder.
      source: web address of the folder that holds the files.
      archives: the files.
      install: ``install(data_dir, paths)`` turns the verified files, in the order of
        ``archives``, into the folder ``place``, which appears only when it is complete.
    """

    name: str
    place: str
    source: str
    archives: tuple[Archive, ...]
    install: Callable[[Path, Sequence[Path]], None]


def prepare(official: Official, data_dir: Path, source: str | None = None) -> Path:
    """Gets the official files, verifies them and makes the data set ready to load.

    Args:
      official: the data set.
      data_dir: where data sets are; the files go to its ``downloads``.
      source: web address or local folder of the files; None takes the official address.

    Returns:
      The folder of the prepared data set.

    Raises:
      DataError: if a file cannot be had or is not the official one, or the data set is
        prepared already.
    """
    place = data_dir / official.place
    if place.exists():
        raise DataError(
            f"{place} exists already; delete it to prepare {official.name} again"
        )
    downloads = data_dir / "downloads" / official.name
    paths = [
        fetch(archive, source or official.source, downloads)
        for archive in official.archives
    ]
    official.install(data_dir, paths)
    return place
