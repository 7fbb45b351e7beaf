"""Event files and frames for tests, written and computed the slow way."""

import struct

import numpy as np
import pytest

from qifjax.data.events import Events, Sensor


def random_events(n, sensor, seed=0, longest=300_000):
    """Events in order of time, with ties, as readers return them."""
    rng = np.random.default_rng(seed)
    return Events(
        np.sort(rng.integers(0, longest, n)),
        rng.integers(0, sensor.width, n).astype(np.uint16),
        rng.integers(0, sensor.height, n).astype(np.uint16),
        rng.integers(0, 2, n).astype(np.uint8),
    )


def as_atis(events):
    records = []
    for t, x, y, p in zip(*map(np.ndarray.tolist, events), strict=True):
        records.append(bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255]))
    return b"".join(records)


DAT_HEADER = b"% Data file\n% Version 2\n% Date 2017-10-31\n\x00\x08"


def as_dat(events):
    records = [
        struct.pack("<II", t, x | y << 14 | p << 28)
        for t, x, y, p in zip(*map(np.ndarray.tolist, events), strict=True)
    ]
    return DAT_HEADER + b"".join(records)


AEDAT2_HEADER = b"#!AER-DAT2.0\r\n# This is a raw AE data file\r\n"


def as_aedat2(events):
    records = [
        struct.pack(">II", (127 - x) << 8 | (127 - y) << 1 | (1 - p), t)
        for t, x, y, p in zip(*map(np.ndarray.tolist, events), strict=True)
    ]
    return AEDAT2_HEADER + b"".join(records)


AEDAT3_HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n"


def aedat3_packet(events, kind=1, size=8, overflow=0, spare=0):
    records = [
        struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t - (overflow << 31))
        for t, x, y, p in zip(*map(np.ndarray.tolist, events), strict=True)
    ]
    number = len(records)
    header = (kind, 0, size, 4, overflow, number + spare, number, number)
    return struct.pack("<hhiiiiii", *header) + b"".join(records) + bytes(spare * size)


def as_aedat3(events, packet=100):
    packets = [
        aedat3_packet(Events(*(field[i : i + packet] for field in events)))
        for i in range(0, len(events.t), packet)
    ]
    return AEDAT3_HEADER + b"".join(packets)


def as_gesture_npy(path, events):
    columns = [events.x, events.y, events.p, events.t // 1000]
    np.save(path, np.stack([column.astype(np.int64) for column in columns], axis=1))


def assert_same_events(found, expected):
    for name, value, reference in zip(Events._fields, found, expected, strict=True):
        np.testing.assert_array_equal(value, reference, err_msg=name)


def slow_frames(events, sensor, recipe):
    """Counts by a loop over events, straight from the definitions."""
    counts = np.zeros((recipe.frames, sensor.height, sensor.width, 2), np.int64)
    n, m = len(events.t), recipe.frames
    for i in range(n):
        if recipe.by == "number":
            step = n // m
            frame = i // step if step else m
        else:
            step = (int(events.t[-1]) - int(events.t[0])) // m
            frame = (int(events.t[i]) - int(events.t[0])) // step if step else m
        if frame >= m:
            if recipe.remainder == "drop":
                continue
            frame = m - 1
        counts[frame, events.y[i], events.x[i], events.p[i]] += 1
    return counts


def real(data_dir, *parts):
    """A file or folder of the sample recordings, or a reason to skip."""
    path = data_dir.joinpath("events", *parts)
    if not path.exists():
        pytest.skip(f"the sample recordings are not there ({path})")
    return path


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def nmnist_folder(tmp_path):
    """Two training and one test recording of each digit."""
    for digit in range(10):
        for i, part in enumerate(("Train", "Train", "Test")):
            events = random_events(50, Sensor(34, 34), seed=10 * i + digit)
            put(tmp_path / "NMNIST" / part / str(digit) / f"{i}.bin", as_atis(events))
    return tmp_path
