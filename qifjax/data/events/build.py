"""Frames of many recordings, in parallel processes where that pays."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qifjax.data.errors import DataError
from qifjax.data.events.frames import FrameRecipe, to_frames
from qifjax.data.events.readers import read
from qifjax.data.events.recording import Sensor

Progress = Callable[[int, int], None]
"""Takes the number of recordings done and the number of all."""

_CHUNK = 32
# A process takes about two seconds to start, in which one alone reads some 64 MiB.
_WORTH_A_POOL = 64 << 20


class Recording(NamedTuple):
    """One example of a data set.

    Attributes:
      path: file that it is in.
      label: its class.
      window: its part of the file, ``start <= t < stop`` in microseconds; None is all.
    """

    path: Path
    label: int
    window: tuple[int, int] | None = None


def accumulate(
    recordings: Sequence[Recording], sensor: Sensor, recipe: FrameRecipe
) -> tuple[np.ndarray, np.ndarray]:
    """Frames of some recordings, one after the other.

    Args:
      recordings: what to read, ``[N]``; those of one file should be neighbours.
      sensor: size of the sensor.
      recipe: how recordings become frames.

    Returns:
      uint8 frames ``[N, T, H, W, 2]`` and int64 numbers of saturated values ``[N]``.

    Raises:
      DataError: if a file is damaged or a recording is without events.
    """
    frames = np.zeros((len(recordings), *recipe.shape(sensor)), np.uint8)
    saturated = np.zeros(len(recordings), np.int64)
    opened = None
    for i, (path, _, window) in enumerate(recordings):
        if path != opened:
            events, opened = read(path, sensor), path
        part = events if window is None else events.between(*window)
        if len(part.t) == 0:
            raise DataError(f"{path}: no event from {window} us; fetch it again")
        frames[i], saturated[i] = to_frames(part, sensor, recipe)
    return frames, saturated


def fill(
    frames: np.ndarray,
    saturated: np.ndarray,
    recordings: Sequence[Recording],
    sensor: Sensor,
    recipe: FrameRecipe,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
) -> None:
    """Writes the frames of all recordings into an array.

    Args:
      frames: uint8 ``[N, T, H, W, 2]``, in memory or on disk, written.
      saturated: int64 ``[N]``, written.
      recordings: what to read, ``[N]``.
      sensor: size of the sensor.
      recipe: how recordings become frames.
      progress: called after each of some recordings.
      workers: number of processes; by default one for each core, or none besides this
        one where there is little to read.

    Raises:
      DataError: if a file is damaged or a recording is without events.
    """
    chunks = [recordings[i : i + _CHUNK] for i in range(0, len(recordings), _CHUNK)]
    done = 0

    def put(result: tuple[np.ndarray, np.ndarray]) -> None:
        nonlocal done
        part, part_saturated = result
        frames[done : done + len(part)] = part
        saturated[done : done + len(part)] = part_saturated
        done += len(part)
        if progress is not None:
            progress(done, len(recordings))

    if workers is None:
        workers = _suitable_workers(recordings)
    if workers > 1:
        count = len(chunks)
        # Forking a process in which JAX has started threads can hang.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context) as pool:
            try:
                for result in pool.map(
                    accumulate, chunks, [sensor] * count, [recipe] * count
                ):
                    put(result)
            except BrokenProcessPool:
                # A script without a __main__ guard, or a process that was killed.
                pass
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    for chunk in chunks[-(-done // _CHUNK) :]:
        put(accumulate(chunk, sensor, recipe))


def _suitable_workers(recordings: Sequence[Recording]) -> int:
    paths = {recording.path for recording in recordings}
    if sum(path.stat().st_size for path in paths) < _WORTH_A_POOL:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
