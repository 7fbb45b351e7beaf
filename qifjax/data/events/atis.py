"""The 40-bit format of N-MNIST and N-Caltech-101 (Orchard et al. 2015).

Five bytes an event, no header: x; y; polarity in the highest bit of the third byte;
23 bits of time in microseconds, big-endian, in the rest.
"""

from pathlib import Path

import numpy as np

from qifjax.data.events.recording import Events, Sensor, bad, checked, read_bytes

_SIZE = 5
_OVERFLOW_ROW = 240
_OVERFLOW_US = 1 << 13


def read(path: Path, sensor: Sensor) -> Events:
    """Reads a ``.bin`` or ``.bs2`` file.

    A record with y = 240 is no event: it adds 2^13 us to all times from there on.

    Args:
      path: the file.
      sensor: size of the sensor, at most 240 rows.

    Returns:
      The events.

    Raises:
      DataError: if the file is empty, ends within an event or has one outside the
        sensor. A file cut between two events is not recognisable as such.
    """
    data = read_bytes(path)
    rest = len(data) % _SIZE
    if rest:
        raise bad(
            path,
            len(data) - rest,
            f"{rest} bytes left after the last whole event of {_SIZE} bytes: "
            "the file is truncated or not in the 40-bit ATIS format",
        )
    # Bytes 1 to 4 of each event as one big-endian word, in one pass over the file.
    count = len(data) // _SIZE
    words = np.ndarray((count,), ">u4", data, 1, (_SIZE,)).astype(np.uint32)
    x = np.frombuffer(data, np.uint8)[::_SIZE]
    y = (words >> 24).astype(np.uint16)
    p = (words >> 23 & 1).astype(np.uint8)
    t = (words & 0x7FFFFF).astype(np.int64)
    overflow = y == _OVERFLOW_ROW
    if not overflow.any():
        return checked(path, sensor, t, x, y, p, lambda i: _SIZE * i)
    t += _OVERFLOW_US * np.cumsum(overflow)
    places = np.flatnonzero(~overflow)
    return checked(
        path,
        sensor,
        t[places],
        x[places],
        y[places],
        p[places],
        lambda i: _SIZE * int(places[i]) if len(places) else 0,
    )
