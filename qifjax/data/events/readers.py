"""The reader of each file, by its ending and first bytes."""

from collections.abc import Callable
from pathlib import Path

from qifjax.data.errors import DataError
from qifjax.data.events import aedat, aedat4, atis, dat, gesture_npy
from qifjax.data.events.recording import Events, Sensor


def _read_aedat(path: Path, sensor: Sensor) -> Events:
    try:
        with path.open("rb") as file:
            is_version_2 = file.read(10) == b"#!AER-DAT2"
    except OSError as error:
        raise DataError(f"cannot read {path} ({error})") from error
    reader = aedat.read_aedat2 if is_version_2 else aedat.read_aedat3
    return reader(path, sensor)


READERS: dict[str, Callable[[Path, Sensor], Events]] = {
    ".bin": atis.read,
    ".bs2": atis.read,
    ".dat": dat.read,
    ".aedat": _read_aedat,
    ".aedat4": aedat4.read,
    ".npy": gesture_npy.read,
}
"""Readers by the ending of the file's name."""


def read(path: str | Path, sensor: Sensor) -> Events:
    """Reads a recording of any of the formats.

    Args:
      path: file whose name ends with one of :data:`READERS`.
      sensor: size of the sensor.

    Returns:
      The events.

    Raises:
      DataError: if the ending is unknown, or the file is damaged.
    """
    path = Path(path)
    if path.suffix not in READERS:
        raise DataError(f"{path}: no reader for it (known: {', '.join(READERS)})")
    return READERS[path.suffix](path, sensor)
