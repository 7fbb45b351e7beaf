"""DVS128 Gesture as the tonic library distributes it: one ``.npy`` file a gesture.

Each is an array ``[N, 4]`` with columns x, y, polarity and time in milliseconds.
"""

from pathlib import Path

import numpy as np

from qifjax.data.errors import DataError
from qifjax.data.events.recording import Events, Sensor, bad, checked, read_bytes

_US_PER_MS = 1000
_LATEST_MS = 2**50


def read(path: Path, sensor: Sensor) -> Events:
    """Reads a preprocessed gesture.

    Args:
      path: ``.npy`` file.
      sensor: size of the sensor.

    Returns:
      The events.

    Raises:
      DataError: if the file is empty, truncated, overlong, of another kind or shape, or
        has an event outside the sensor.
    """
    read_bytes(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        size = path.stat().st_size
    except Exception as error:
        # NumPy's header parser raises half a dozen kinds, all for the same reason.
        raise bad(path, 0, f"not an intact .npy file ({error})") from error
    if not isinstance(array, np.memmap):
        raise bad(path, 0, "not a .npy file of one array")
    start = array.offset
    if size != start + array.nbytes:
        raise bad(
            path, start + array.nbytes, f"the file goes on to {size}: it is overlong"
        )
    if array.ndim != 2 or array.shape[1] != 4 or array.dtype.kind not in "iuf":
        raise DataError(
            f"{path}: byte 0: an array {array.shape} of {array.dtype}, expected [N, 4] "
            "of numbers: x, y, polarity, time in ms"
        )
    columns = np.asarray(array, np.float64)
    stride = array.strides[0]
    odd = ~np.all((columns >= 0) & (columns < _LATEST_MS), axis=1)
    odd |= columns[:, 2] > 1
    if odd.any():
        first = int(odd.argmax())
        raise bad(
            path,
            start + stride * first,
            f"event {first} is {columns[first].tolist()}: not x, y, polarity, time",
        )
    x, y, p, t = np.asarray(array).T.astype(np.int64)
    return checked(path, sensor, t * _US_PER_MS, x, y, p, lambda i: start + stride * i)
