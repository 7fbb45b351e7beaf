"""DVS128 Gesture as the tonic library distributes it: one ``.npy`` file a gesture.

Each is an array ``[N, 4]`` with columns x, y, polarity and time in milliseconds.
"""

import io
from pathlib import Path

import numpy as np

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
    data = read_bytes(path)
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran_order, dtype = header(stream)
    except Exception as error:
        # NumPy's header parser raises half a dozen kinds, all for the same reason.
        raise bad(path, 0, f"not the header of a .npy file ({error})") from error
    start = stream.tell()
    if fortran_order or len(shape) != 2 or shape[1] != 4 or dtype.kind not in "iuf":
        raise bad(
            path,
            0,
            f"an array {shape} of {dtype}, expected [N, 4] of numbers in C order: "
            "x, y, polarity, time in ms",
        )
    stride = 4 * dtype.itemsize
    if len(data) != start + shape[0] * stride:
        raise bad(
            path,
            start,
            f"{len(data) - start} bytes of events, expected {shape[0] * stride}: "
            "the file is truncated or overlong",
        )
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    columns = np.asarray(array, np.float64)
    odd = ~np.all((columns >= 0) & (columns < _LATEST_MS), axis=1)
    odd |= columns[:, 2] > 1
    if odd.any():
        first = int(odd.argmax())
        raise bad(
            path,
            start + stride * first,
            f"event {first} is {columns[first].tolist()}: not x, y, polarity, time",
        )
    x, y, p, _ = array.T.astype(np.int64)
    # Some files have fractions of a millisecond; of whole ones the product is exact.
    t = np.floor(columns[:, 3] * _US_PER_MS).astype(np.int64)
    return checked(path, sensor, t, x, y, p, lambda i: start + stride * i)
