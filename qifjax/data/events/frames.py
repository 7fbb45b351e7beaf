"""Events to frames: how they are divided over time, counted and resized.

Of N events in order of time, ``t_0`` to ``t_{N-1}``, frame j of M holds:

- ``number``: events ``j d`` to ``(j + 1) d - 1`` with ``d = N // M``.
- ``time``: events with ``t_0 + j w <= t < t_0 + (j + 1) w``, where
  ``w = (t_{N-1} - t_0) // M`` microseconds.

What is left after M such frames goes into the last one (``last``, as in SpikingJelly)
or nowhere (``drop``, as in tonic). A frame without events is all zero. Pixel values are
counts, ``[M, H, W, 2]`` with the channels darker and brighter, and at most 255.
"""

import itertools
import threading
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from qifjax.data.errors import DataError
from qifjax.data.events.recording import Events, Sensor
from qifjax.data.events.resize import resize_bilinear, resize_nearest

VERSION = 1
"""Version of everything that turns a recording into frames; part of the cache's key."""

By = Literal["number", "time"]
Remainder = Literal["last", "drop"]
Resize = Literal["nearest", "bilinear"]

_MOST = 255
_SMALL = 1 << 16


@dataclass(frozen=True)
class FrameRecipe:
    """How a recording becomes frames.

    Attributes:
      frames: number M of frames.
      by: ``"number"`` (equal counts of events) or ``"time"`` (equal durations).
      remainder: ``"last"`` (into the last frame) or ``"drop"``.
      size: side of the square frames in pixels, or None for that of the sensor.
      resize: ``"nearest"``, or ``"bilinear"`` with antialiasing.
    """

    frames: int = 10
    by: By = "number"
    remainder: Remainder = "last"
    size: int | None = 48
    resize: Resize = "nearest"

    def __post_init__(self):
        for name, kind in (("by", By), ("remainder", Remainder), ("resize", Resize)):
            value, allowed = getattr(self, name), get_args(kind)
            if value not in allowed:
                raise DataError(
                    f"recipe: {name} is {value!r}, allowed are {', '.join(allowed)}"
                )
        for name in ("frames", "size"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise DataError(f"recipe: {name} is {value!r}, allowed are 1, 2, ...")

    def __str__(self) -> str:
        side = "native size" if self.size is None else f"{self.size} x {self.size}"
        return (
            f"{self.frames} frames by {self.by}, remainder {self.remainder}, "
            f"{side} {self.resize}"
        )

    def shape(self, sensor: Sensor) -> tuple[int, int, int, int]:
        """Shape of a recording's frames, ``[T, H, W, 2]``."""
        height, width = sensor if self.size is None else (self.size, self.size)
        return self.frames, height, width, 2


class Frames(NamedTuple):
    """Frames of one recording.

    Attributes:
      counts: uint8 number of events, ``[T, H, W, 2]``.
      saturated: how many of these numbers were more than 255 and are given as 255.
    """

    counts: np.ndarray
    saturated: int


def to_frames(events: Events, sensor: Sensor, recipe: FrameRecipe) -> Frames:
    """Accumulates a recording.

    Args:
      events: the recording; all of it lies on the sensor.
      sensor: size of the sensor.
      recipe: how to do it.

    Returns:
      The frames.
    """
    counts = _count(events, sensor, edges(events.t, recipe))
    shape = recipe.shape(sensor)
    if counts.shape != shape:
        resize = resize_nearest if recipe.resize == "nearest" else resize_bilinear
        counts = resize(counts, shape[1], shape[2])
    saturated = 0
    if counts.max(initial=0) > _MOST:
        saturated = int(np.count_nonzero(counts > _MOST))
        counts = np.minimum(counts, _MOST)
    # Always a copy, as the counts are in memory that the next recording uses.
    return Frames(counts.astype(np.uint8), saturated)


def edges(t: np.ndarray, recipe: FrameRecipe) -> np.ndarray:
    """Number of the first event of each frame, and of the first after the last frame.

    Args:
      t: int64 times in microseconds, never decreasing, ``[N]``.
      recipe: how to divide them.

    Returns:
      int64 ``[M + 1]``, never decreasing.
    """
    steps = np.arange(recipe.frames + 1)
    if recipe.by == "number":
        found = steps * (len(t) // recipe.frames)
    elif len(t) == 0:
        found = np.zeros_like(steps)
    else:
        width = (t[-1] - t[0]) // recipe.frames
        found = np.searchsorted(t, t[0] + steps * width)
    if recipe.remainder == "last":
        found[-1] = len(t)
    return found


class _Scratch(threading.local):
    """Memory that each recording uses again, in each thread.

    Getting and clearing fresh pages takes longer than counting a short recording.
    """

    def __init__(self):
        self._arrays: dict[type, np.ndarray] = {}

    def get(self, size: int, kind: type[np.generic]) -> np.ndarray:
        """An array of any content, valid until the next one of its kind is asked."""
        array = self._arrays.get(kind)
        if array is None or len(array) < size:
            array = self._arrays[kind] = np.empty(size, kind)
        return array[:size]


_scratch = _Scratch()


def _count(events: Events, sensor: Sensor, edges: np.ndarray) -> np.ndarray:
    """Counts the events of each pixel, polarity and frame.

    Args:
      events: the recording, ``[N]``; all of it lies on the sensor.
      sensor: size of the sensor.
      edges: numbers of the events that divide the frames, ``[M + 1]``.

    Returns:
      uint16 or uint32 counts ``[M, H, W, 2]``, valid until the next call.
    """
    bounds = edges.tolist()
    first, last = bounds[0], bounds[-1]
    cells = 2 * sensor.height * sensor.width
    # The narrowest integers that hold a cell's number: most of the time is memory.
    kind = np.uint16 if cells <= _SMALL else np.uint32
    cell = np.multiply(events.y[first:last], kind(sensor.width), dtype=kind)
    cell += events.x[first:last]
    cell += cell
    cell += events.p[first:last]
    place = _scratch.get(last - first, np.intp)
    place[...] = cell
    for frame, (start, stop) in enumerate(itertools.pairwise(bounds)):
        place[start - first : stop - first] += frame * cells
    # No cell can hold more than its frame does, so the counts do not wrap around.
    longest = max(stop - start for start, stop in itertools.pairwise(bounds))
    counter = np.uint16 if longest < _SMALL else np.uint32
    counts = _scratch.get((len(bounds) - 1) * cells, counter)
    counts[...] = 0
    np.add.at(counts, place, counter(1))
    return counts.reshape(-1, sensor.height, sensor.width, 2)
