"""Version 2 of Prophesee's ``.dat`` format, that of N-Cars (Sironi et al. 2018).

Text lines that begin with ``%``; one byte of event type and one of event size; then
little-endian pairs of 32-bit words: time in microseconds, and an address with x in bits
0 to 13, y in bits 14 to 27 and the polarity in bits 28 to 31.
"""

import re
from pathlib import Path

import numpy as np

from qifjax.data.events.recording import Events, Sensor, bad, checked, read_bytes

_SIZE = 8
_TYPES = (0, 12)
"""Event types with this layout: 2D events of the first and the later cameras."""


def read(path: Path, sensor: Sensor) -> Events:
    """Reads a ``.dat`` file.

    Args:
      path: the file.
      sensor: size of the sensor.

    Returns:
      The events.

    Raises:
      DataError: if the file is empty, of another format or version, ends within an
        event, or has one outside the sensor. A file cut between two events is not
        recognisable as such.
    """
    data = read_bytes(path)
    start = _header_end(path, data)
    body = len(data) - start
    if body % _SIZE:
        raise bad(
            path,
            len(data) - body % _SIZE,
            f"{body % _SIZE} bytes left after the last whole event of {_SIZE} bytes: "
            "the file is truncated",
        )
    words = np.frombuffer(data, "<u4", offset=start).reshape(-1, 2)
    t, address = np.ascontiguousarray(words.T)
    p = address >> 28
    if p.max(initial=0) > 1:
        first = int((p > 1).argmax())
        raise bad(
            path,
            start + _SIZE * first,
            f"event {first} has polarity {p[first]}, not 0 or 1: the file is damaged",
        )
    x, y = address & 0x3FFF, (address >> 14) & 0x3FFF
    return checked(path, sensor, t, x, y, p, lambda i: start + _SIZE * i)


def _header_end(path: Path, data: bytes) -> int:
    """Where the events begin, after the text and the two bytes of type and size."""
    end = 0
    while data[end : end + 1] == b"%":
        line_end = data.find(b"\n", end)
        if line_end < 0:
            raise bad(path, end, "a header line without end: the file is truncated")
        end = line_end + 1
    if end == 0:
        raise bad(path, 0, f"{data[:1]!r} instead of '%': not a Prophesee .dat file")
    version = re.search(rb"^%\s*Version\s+(\S+)", data[:end], re.MULTILINE)
    if version is None or version[1] != b"2":
        found = "no version" if version is None else f"version {version[1]!r}"
        place = 0 if version is None else version.start()
        raise bad(path, place, f"{found} in the header; version 2 is read here")
    if len(data) < end + 2:
        raise bad(path, end, "no event type and size: the file is truncated")
    kind, size = data[end], data[end + 1]
    if kind not in _TYPES or size != _SIZE:
        raise bad(
            path,
            end,
            f"event type {kind} of {size} bytes; read here are types "
            f"{_TYPES} of {_SIZE} bytes",
        )
    return end + 2
