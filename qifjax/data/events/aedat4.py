"""AEDAT 4.0, the container in which tonic distributes CIFAR10-DVS.

A line ``#!AER-DAT4.0``, a header with its length before it, packets of stream number,
length and compressed content, and a table of them. The packets are decoded by the
``aedat`` package, which is imported only here.
"""

import importlib
from pathlib import Path

import numpy as np

from qifjax.data.errors import DataError
from qifjax.data.events.recording import Events, Sensor, bad, checked, read_bytes

_MAGIC = b"#!AER-DAT4.0\r\n"
_LENGTH = np.dtype("<u4")
_PACKET_HEADER = 8


def read(path: Path, sensor: Sensor) -> Events:
    """Reads the events of an AEDAT 4.0 recording, those of its first event stream.

    Args:
      path: ``.aedat4`` file.
      sensor: size of the sensor.

    Returns:
      The events.

    Raises:
      DataError: if ``aedat`` is not installed, or the file is empty, of another
        version, ends within a packet, is damaged or has an event outside the sensor.
    """
    data = read_bytes(path)
    start, count = _check_packets(path, data)
    packets = _decode(path, count)
    t, x, y, p = (np.concatenate(column) for column in zip(*packets, strict=True))
    # Where an event lies within compressed packets is unknown: all begin after start.
    return checked(path, sensor, t, x, y, p, lambda i: start)


def _check_packets(path: Path, data: bytes) -> tuple[int, int]:
    """Follows the lengths of header and packets; returns the first place and number."""
    if not data.startswith(_MAGIC):
        raise bad(path, 0, f"{data[: len(_MAGIC)]!r} instead of {_MAGIC!r}")
    begin = len(_MAGIC) + _LENGTH.itemsize
    if len(data) < begin:
        raise bad(path, len(_MAGIC), "the header is cut: the file is truncated")
    start = begin + _unsigned(data, len(_MAGIC))
    if start > len(data):
        raise bad(path, len(_MAGIC), "the header is cut: the file is truncated")
    end = _table_position(path, data[:start], begin)
    if not start <= end <= len(data):
        raise bad(
            path, begin, f"the packet table is said to be at {end}, beyond the file"
        )
    place, count = start, 0
    while place < end:
        after = place + _PACKET_HEADER
        if after <= end:
            after += _unsigned(data, place + 4)
        if after > end or after == place + _PACKET_HEADER:
            raise bad(
                path,
                place,
                "a packet is cut or empty: the file is truncated or damaged",
            )
        place, count = after, count + 1
    return start, count


def _table_position(path: Path, header: bytes, begin: int) -> int:
    """Where the packets end, from the FlatBuffers table of the header."""
    try:
        table = begin + _unsigned(header, begin)
        layout = table - int(np.frombuffer(header, "<i4", 1, table)[0])
        # The second field of the table; its entry follows two sizes and the first.
        offset = int(np.frombuffer(header, "<u2", 1, layout + 6)[0])
        if header[begin + 4 : begin + 8] != b"IOHE" or offset == 0:
            raise ValueError("it does not say where the packet table is")
        return int(np.frombuffer(header, "<i8", 1, table + offset)[0])
    except ValueError as error:
        raise bad(path, begin, f"the header is damaged ({error})") from error


def _unsigned(data: bytes, place: int) -> int:
    return int(np.frombuffer(data, _LENGTH, 1, place)[0])


def _decode(path: Path, count: int) -> list[tuple[np.ndarray, ...]]:
    """Times, columns, rows and polarities of each packet of the first event stream.

    Args:
      path: the file.
      count: number of packets of all streams, which all have to be decoded.
    """
    try:
        aedat = importlib.import_module("aedat")
    except ImportError as error:
        raise DataError(
            f"reading {path} needs the aedat package ({error}); "
            "install it with: pip install 'qifjax[events]'"
        ) from error
    try:
        decoder = aedat.Decoder(str(path))
        streams = decoder.id_to_stream().items()
        stream = min(number for number, kind in streams if kind["type"] == "events")
        decoded = list(decoder)
        packets = [
            tuple(packet["events"][name] for name in ("t", "x", "y", "on"))
            for packet in decoded
            if packet["stream_id"] == stream
        ]
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # A panic of the Rust code underneath is a BaseException.
        raise bad(
            path, len(_MAGIC), f"its content cannot be decoded ({error})"
        ) from error
    if len(decoded) != count:
        raise bad(
            path, len(_MAGIC), f"only {len(decoded)} of {count} packets can be decoded"
        )
    if not packets:
        raise bad(path, len(_MAGIC), "no event in the file; fetch it again")
    return packets
