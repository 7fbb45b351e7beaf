"""AEDAT 2.0, that of CIFAR10-DVS (Li et al. 2017), and AEDAT 3.1, DVS128 Gesture's.

AEDAT 2.0: text lines that begin with ``#``, then big-endian pairs of 32-bit words,
address and time in microseconds. The addresses of the DVS128 have the polarity in bit
0, x in bits 1 to 7 and y in bits 8 to 14; bit 15 marks a synchronisation pulse, which
is no event.

AEDAT 3.1: text lines up to ``#!END-HEADER``, then packets of one event type each,
little-endian, under headers of 28 bytes. Those of type 1 hold pairs of 32-bit words:
the polarity in bit 1, y in bits 2 to 16 and x in bits 17 to 31, and the lower 31 bits
of the time in microseconds, whose upper bits are in the packet's header.
"""

from pathlib import Path

import numpy as np

from qifjax.data.events.recording import Events, Sensor, bad, checked, read_bytes

_SIZE = 8
_PACKET_HEADER = np.dtype(
    [
        ("kind", "<i2"),
        ("source", "<i2"),
        ("size", "<i4"),
        ("time_offset", "<i4"),
        ("overflow", "<i4"),
        ("capacity", "<i4"),
        ("number", "<i4"),
        ("valid", "<i4"),
    ]
)
_POLARITY = 1
_SIDE_OF_DVS128 = 128
_SYNC = 1 << 15


def read_aedat2(path: Path, sensor: Sensor) -> Events:
    """Reads an AEDAT 2.0 recording of a DVS128.

    The camera counts from the lower right with x and y exchanged and polarity 0 for
    brighter; as in SpikingJelly, x is 127 - its y, y is 127 - its x, p is 1 - its p.

    Args:
      path: ``.aedat`` file.
      sensor: size of the sensor.

    Returns:
      The events.

    Raises:
      DataError: if the file is empty, of another version, ends within an event or has
        one outside the sensor. A file cut between two events is not recognisable.
    """
    data = read_bytes(path)
    start = _text_end(path, data, b"#!AER-DAT2.0")
    rest = (len(data) - start) % _SIZE
    if rest:
        raise bad(
            path,
            len(data) - rest,
            f"{rest} bytes left after the last whole event of {_SIZE} bytes: "
            "the file is truncated",
        )
    words = np.frombuffer(data, ">u4", offset=start).reshape(-1, 2)
    unused = words[:, 0] >> 16 != 0
    if unused.any():
        first = int(unused.argmax())
        raise bad(
            path,
            start + _SIZE * first,
            f"event {first} has address {int(words[first, 0]):#x}, which a DVS128 does "
            "not have: the file is damaged or of another camera",
        )
    places = np.flatnonzero(words[:, 0] & _SYNC == 0)
    address, t = words[places, 0].astype(np.uint32), words[places, 1]
    x = _SIDE_OF_DVS128 - 1 - ((address >> 8) & 0x7F)
    y = _SIDE_OF_DVS128 - 1 - ((address >> 1) & 0x7F)
    p = 1 - (address & 1)
    return checked(
        path,
        sensor,
        t,
        x,
        y,
        p,
        lambda i: start + (_SIZE * int(places[i]) if len(places) else 0),
    )


def read_aedat3(path: Path, sensor: Sensor) -> Events:
    """Reads the polarity events of an AEDAT 3.1 recording.

    Args:
      path: ``.aedat`` file.
      sensor: size of the sensor.

    Returns:
      The events that the camera marked as valid.

    Raises:
      DataError: if the file is empty, of another version, ends within a packet, has a
        packet that contradicts itself or an event outside the sensor.
    """
    data = read_bytes(path)
    start = _text_end(path, data, b"#!AER-DAT3.1", b"#!END-HEADER")
    packets = _polarity_packets(path, data, start)
    if not packets:
        raise bad(path, start, "no polarity event in the file; fetch it again")
    words = np.concatenate(
        [
            np.frombuffer(data, "<u4", 2 * number, begin).reshape(-1, 2)
            for begin, number, _ in packets
        ]
    )
    begins, numbers, overflows = np.asarray(packets, np.int64).T
    firsts = np.cumsum(numbers) - numbers
    places = np.repeat(begins - _SIZE * firsts, numbers) + _SIZE * np.arange(len(words))
    address, low = words[:, 0], words[:, 1].astype(np.int64)
    negative = low >> 31 != 0
    if negative.any():
        first = int(negative.argmax())
        raise bad(path, int(places[first]), f"event {first} has a negative time")
    t = np.repeat(overflows << 31, numbers) | low
    valid = (address & 1).astype(bool)
    address, t, places = address[valid], t[valid], places[valid]
    x, y, p = address >> 17, (address >> 2) & 0x7FFF, (address >> 1) & 1
    return checked(
        path, sensor, t, x, y, p, lambda i: int(places[i]) if len(places) else start
    )


def _text_end(path: Path, data: bytes, first: bytes, last: bytes | None = None) -> int:
    """Where the text lines end: after the line ``last``, or the last one with ``#``."""
    if not data.startswith(first):
        raise bad(
            path,
            0,
            f"{data[: len(first)]!r} instead of {first.decode()!r} at the start",
        )
    end = 0
    while data[end : end + 1] == b"#":
        line_end = data.find(b"\n", end)
        if line_end < 0:
            raise bad(path, end, "a header line without end: the file is truncated")
        line, end = data[end:line_end].strip(), line_end + 1
        if line == last:
            return end
    if last is not None:
        raise bad(path, end, f"no line {last.decode()!r} at the end of the header")
    return end


def _polarity_packets(
    path: Path, data: bytes, start: int
) -> list[tuple[int, int, int]]:
    """First byte, number of events and time overflow of each polarity packet."""
    packets = []
    place, header_size = start, _PACKET_HEADER.itemsize
    while place < len(data):
        if place + header_size > len(data):
            raise bad(path, place, "a packet header is cut: the file is truncated")
        header = np.frombuffer(data, _PACKET_HEADER, 1, place)[0]
        size, capacity, number, overflow = (
            int(header[name]) for name in ("size", "capacity", "number", "overflow")
        )
        if size <= 0 or not 0 <= number <= capacity or overflow < 0:
            raise bad(
                path,
                place,
                f"a packet of {number} events with room for {capacity} of {size} "
                f"bytes at time overflow {overflow}: the file is damaged",
            )
        begin = place + header_size
        end = begin + size * capacity
        if end > len(data):
            raise bad(
                path,
                place,
                f"a packet of {size * capacity} bytes, of which {len(data) - begin} "
                "are there: the file is truncated or damaged",
            )
        if header["kind"] == _POLARITY:
            if size != _SIZE:
                raise bad(path, place, f"polarity events of {size} bytes, not {_SIZE}")
            packets.append((begin, number, overflow))
        place = end
    return packets
