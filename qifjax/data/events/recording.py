"""Recordings of event cameras in memory, and what every reader checks."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qifjax.data.errors import DataError


class Sensor(NamedTuple):
    """Size of a sensor in pixels."""

    height: int
    width: int


class Events(NamedTuple):
    """Events of one recording, in order of time.

    Attributes:
      t: int64 time in microseconds, ``[N]``, never decreasing.
      x: uint16 column, ``[N]``, from 0 at the left.
      y: uint16 row, ``[N]``, from 0 at the top as the recording has it.
      p: uint8 polarity, ``[N]``, 0 where it got darker and 1 where brighter.
    """

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray

    def between(self, start: int, stop: int) -> "Events":
        """The events with ``start <= t < stop``, in microseconds."""
        first, last = np.searchsorted(self.t, (start, stop))
        return Events(*(field[first:last] for field in self))


def read_bytes(path: Path) -> bytes:
    """All bytes of a recording.

    Raises:
      DataError: if the file cannot be read or is empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path} ({error})") from error
    if not data:
        raise DataError(f"{path} is empty (0 bytes); fetch it again")
    return data


def bad(path: Path, byte: int, what: str) -> DataError:
    """The error about one place of one file."""
    return DataError(f"{path}: byte {byte}: {what}")


def checked(
    path: Path,
    sensor: Sensor,
    t: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    p: np.ndarray,
    byte_of: Callable[[int], int],
) -> Events:
    """Events with the documented types and order, or the error about the first bad one.

    Events that the file has out of order are sorted by time; equal times keep the
    order of the file.

    Args:
      path: file that they come from.
      sensor: size that ``x`` and ``y`` have to respect.
      t: integer times in microseconds, ``[N]``.
      x: columns, not negative, ``[N]``.
      y: rows, not negative, ``[N]``.
      p: polarities, 0 or 1, ``[N]``.
      byte_of: where the event of a given number begins in the file.

    Returns:
      The events.

    Raises:
      DataError: if there are none or one lies outside the sensor.
    """
    if len(t) == 0:
        raise bad(path, byte_of(0), "no event in the file; fetch it again")
    if x.max() >= sensor.width or y.max() >= sensor.height:
        first = int(((x >= sensor.width) | (y >= sensor.height)).argmax())
        raise bad(
            path,
            byte_of(first),
            f"event {first} at x {x[first]}, y {y[first]} lies outside the sensor of "
            f"{sensor.width} x {sensor.height} pixels: the file is damaged or of "
            "another data set",
        )
    events = Events(
        t.astype(np.int64, copy=False),
        x.astype(np.uint16, copy=False),
        y.astype(np.uint16, copy=False),
        p.astype(np.uint8, copy=False),
    )
    if (events.t[1:] < events.t[:-1]).any():
        order = np.argsort(events.t, kind="stable")
        events = Events(*(field[order] for field in events))
    return events
