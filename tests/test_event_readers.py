"""Readers of event files: every event right, every damage one clear error."""

from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from qifjax.data import DataError
from qifjax.data.events import Events, Sensor, read
from tests.event_files import (
    AEDAT2_HEADER,
    AEDAT3_HEADER,
    DAT_HEADER,
    aedat3_packet,
    as_aedat2,
    as_aedat3,
    as_atis,
    as_dat,
    as_gesture_npy,
    assert_same_events,
    random_events,
    real,
)

DATA = Path(".data")
SENSOR = Sensor(100, 120)
WRITERS = {".bin": as_atis, ".dat": as_dat}


def write(path, events):
    if path.suffix == ".npy":
        as_gesture_npy(path, events)
    else:
        path.write_bytes(WRITERS[path.suffix](events))
    return path


@pytest.mark.parametrize("ending", [".bin", ".dat", ".npy"])
def test_reads_what_was_written(tmp_path, ending):
    events = random_events(500, SENSOR)
    expected = (
        events._replace(t=events.t // 1000 * 1000) if ending == ".npy" else events
    )
    found = read(write(tmp_path / f"a{ending}", events), SENSOR)
    assert_same_events(found, expected)
    assert [field.dtype for field in found] == [
        np.int64,
        np.uint16,
        np.uint16,
        np.uint8,
    ]


@pytest.mark.parametrize("writer", [as_aedat2, as_aedat3])
def test_reads_both_versions_of_aedat(tmp_path, writer):
    events = random_events(500, SENSOR)
    (tmp_path / "a.aedat").write_bytes(writer(events))
    assert_same_events(read(tmp_path / "a.aedat", SENSOR), events)


def test_atis_overflow_records_move_time(tmp_path):
    events = Events(
        *(np.asarray(v) for v in ([5, 7, 9], [1, 2, 3], [4, 240, 6], [0] * 3))
    )
    (tmp_path / "a.bin").write_bytes(as_atis(events))
    found = read(tmp_path / "a.bin", Sensor(34, 34))
    assert_same_events(found, ([5, 9 + 8192], [1, 3], [4, 6], [0, 0]))


def test_events_out_of_order_are_sorted_and_ties_keep_their_order(tmp_path):
    events = Events(
        *(np.asarray(v) for v in ([9, 3, 3, 0], [1, 2, 3, 4], [0] * 4, [1] * 4))
    )
    (tmp_path / "a.bin").write_bytes(as_atis(events))
    found = read(tmp_path / "a.bin", SENSOR)
    assert_same_events(found, ([0, 3, 3, 9], [4, 2, 3, 1], [0] * 4, [1] * 4))


def test_aedat3_packets_of_other_kinds_spare_room_and_overflow(tmp_path):
    early, late = random_events(20, SENSOR), random_events(30, SENSOR, seed=1)
    late = late._replace(t=late.t + (1 << 31))
    content = (
        AEDAT3_HEADER
        + aedat3_packet(early, kind=0)
        + aedat3_packet(early, spare=3)
        + aedat3_packet(late, overflow=1)
    )
    (tmp_path / "a.aedat").write_bytes(content)
    expected = (np.concatenate(pair) for pair in zip(early, late, strict=True))
    assert_same_events(read(tmp_path / "a.aedat", SENSOR), expected)


def test_invalid_aedat3_events_and_sync_pulses_of_aedat2_are_left_out(tmp_path):
    events = random_events(3, SENSOR)
    rest = [field[1:] for field in events]
    content = bytearray(as_aedat3(events))
    content[len(AEDAT3_HEADER) + 28] &= 0xFE
    (tmp_path / "a.aedat").write_bytes(content)
    assert_same_events(read(tmp_path / "a.aedat", SENSOR), rest)
    content = bytearray(as_aedat2(events))
    content[len(AEDAT2_HEADER) + 2] |= 0x80
    (tmp_path / "b.aedat").write_bytes(content)
    assert_same_events(read(tmp_path / "b.aedat", SENSOR), rest)


EVENTS = random_events(50, SENSOR)
ATIS, DAT, AEDAT2, AEDAT3 = (w(EVENTS) for w in (as_atis, as_dat, as_aedat2, as_aedat3))
BODY = len(AEDAT3_HEADER)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.bin", b"", "is empty"),
        ("a.bin", ATIS[:-2], "byte 245: 3 bytes left after the last whole event"),
        ("a.bin", ATIS + b"\0", "byte 250: 1 bytes left"),
        ("a.bin", ATIS[:20] + b"\xff" + ATIS[21:], "byte 20: event 4 at x 255"),
        ("a.bin", b"\0\xf0\0\0\0", "byte 0: no event"),
        ("a.dat", b"", "is empty"),
        ("a.dat", b"x" + DAT, "byte 0: b'x' instead of '%'"),
        ("a.dat", DAT[:9], "byte 0: a header line without end"),
        ("a.dat", DAT.replace(b"Version 2", b"Version 1"), "byte 12: version b'1'"),
        ("a.dat", DAT.replace(b"Version", b"Vers"), "byte 0: no version"),
        ("a.dat", DAT_HEADER[:-1], "byte 42: no event type and size"),
        ("a.dat", DAT.replace(b"\0\x08", b"\x05\x08", 1), "byte 42: event type 5"),
        ("a.dat", DAT[:-3], f"byte {44 + 8 * 49}: 5 bytes left"),
        ("a.dat", DAT_HEADER, "byte 44: no event"),
        ("a.dat", DAT[:51] + b"\x70" + DAT[52:], "byte 44: event 0 has polarity 7"),
        ("a.aedat", b"", "is empty"),
        ("a.aedat", b"#!AER-DAT1.0\r\n", "byte 0: b'#!AER-DAT1.0' instead of"),
        ("a.aedat", AEDAT2[:-1], "7 bytes left after the last whole event"),
        ("a.aedat", AEDAT2_HEADER, f"byte {len(AEDAT2_HEADER)}: no event"),
        ("a.aedat", AEDAT2_HEADER + b"\1" + bytes(7), "event 0 has address 0x1000000"),
        ("a.aedat", AEDAT3[:-1], f"byte {BODY}: a packet of 400 bytes, of which 399"),
        ("a.aedat", AEDAT3 + b"\0", f"byte {len(AEDAT3)}: a packet header is cut"),
        ("a.aedat", AEDAT3[: BODY - 9], "byte 28: a header line without end"),
        ("a.aedat", AEDAT3_HEADER[:28], "byte 28: no line '#!END-HEADER'"),
        ("a.aedat", AEDAT3_HEADER, f"byte {BODY}: no polarity event"),
        (
            "a.aedat",
            AEDAT3_HEADER + aedat3_packet(EVENTS, size=-8),
            f"byte {BODY}: a packet of 50 events with room for 50 of -8 bytes",
        ),
        ("a.aedat4", b"", "is empty"),
        ("a.aedat4", b"#!AER-DAT3.1\r\n", "byte 0: .* instead of b'#!AER-DAT4.0"),
        ("a.aedat4", b"#!AER-DAT4.0\r\n\1", "byte 14: the header is cut"),
        ("a.aedat4", b"#!AER-DAT4.0\r\n\x10\0\0\0" + bytes(16), "byte 18: the header"),
        ("a.npy", b"", "is empty"),
        ("a.npy", b"PK\3\4" + bytes(80), "byte 0: not the header of a .npy"),
        ("a.txt", b"", "no reader for it .known: .bin, .bs2, .dat"),
    ],
)
def test_damage_is_one_error_that_names_file_and_byte(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / name, SENSOR)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 3), int), "an array .5, 3. of int64, expected .N, 4."),
        (np.asarray([[1, 2, 1, 5], [1, -2, 1, 5]]), "byte 160: event 1 is"),
        (np.asarray([[1, 2, 1, np.nan]]), "byte 128: event 0 is .*nan"),
        (np.asarray([[1, 2, 5, 1]]), "byte 128: event 0 is .1.0, 2.0, 5.0"),
        (np.asarray([[1, 99, 1, 1], [130, 2, 0, 1]]), "event 1 at x 130"),
        (np.zeros((0, 4), int), "byte 128: no event"),
        (np.asarray([[None] * 4]), "an array .1, 4. of object"),
    ],
)
def test_arrays_that_are_no_gestures(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npy", SENSOR)


def test_fractions_of_a_millisecond_are_kept(tmp_path):
    times = [0.25, 0.75, 12.345, 12.999]
    np.save(tmp_path / "a.npy", np.asarray([[1, 2, 1, t] for t in times]))
    found = read(tmp_path / "a.npy", SENSOR)
    np.testing.assert_array_equal(found.t, [250, 750, 12345, 12999])


@pytest.mark.parametrize("change", [-1, 1])
def test_truncated_and_overlong_arrays(tmp_path, change):
    as_gesture_npy(tmp_path / "a.npy", EVENTS)
    content = (tmp_path / "a.npy").read_bytes() + b"\0"
    (tmp_path / "a.npy").write_bytes(content[: len(content) - 1 + change])
    message = f"byte 128: {1600 + change} bytes of events, expected 1600"
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npy", SENSOR)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*nowhere.bin"):
        read(tmp_path / "nowhere.bin", SENSOR)


def assert_consistent(path, sensor):
    """The events of a file, which may be damaged, are consistent or one error."""
    error = None
    try:
        t, x, y, p = read(path, sensor)
    except DataError as caught:
        error = str(caught)
    if error is not None:
        assert str(path) in error
        assert "byte" in error
        return
    assert len(t) == len(x) == len(y) == len(p) > 0
    assert np.all(np.diff(t) >= 0)
    assert (x.max() < sensor.width) & (y.max() < sensor.height) & (p.max() <= 1)


@pytest.mark.parametrize(
    ("ending", "valid"),
    [(".bin", ATIS), (".dat", DAT), (".aedat", AEDAT2), (".aedat", AEDAT3)],
    ids=["atis", "dat", "aedat2", "aedat3"],
)
def test_any_damage_is_an_error_or_consistent_events(tmp_path, ending, valid):
    path = tmp_path / f"a{ending}"

    @hypothesis.settings(deadline=None, max_examples=60)
    @hypothesis.given(
        start=st.integers(0, len(valid)),
        cut=st.integers(0, 20),
        patch=st.binary(max_size=20),
    )
    def check(start, cut, patch):
        path.write_bytes(valid[:start] + patch + valid[start + cut :])
        assert_consistent(path, SENSOR)

    check()


# --- real recordings -----------------------------------------------------------------


def test_real_nmnist():
    files = sorted(real(DATA, "NMNIST").glob("*/*/*.bin"))
    total, sides = 0, [0, 0]
    for path in files:
        events = read(path, Sensor(34, 34))
        total += len(events.t)
        sides = np.maximum(sides, (events.x.max(), events.y.max()))
    assert (len(files), total) == (1100, 4_518_827)
    np.testing.assert_array_equal(sides, [33, 33])


def test_real_n_cars():
    t, x, y, _ = read(real(DATA, "NCARS", "sample_ncars.dat"), SENSOR)
    assert (len(t), t.min(), t.max(), x.max(), y.max()) == (2009, 0, 99_952, 77, 41)


def test_real_n_caltech101():
    files = sorted(real(DATA, "NCALTECH101").rglob("*.bin"))
    recordings = [read(path, Sensor(180, 240)) for path in files]
    assert len(files) == 5
    assert max(events.x.max() for events in recordings) == 232
    assert max(events.y.max() for events in recordings) == 172


def test_real_gesture_clips():
    files = sorted(real(DATA, "DVSGestureClips").glob("*.bs2"))
    counts = [len(read(path, Sensor(128, 128)).t) for path in files]
    assert len(counts) == 10
    assert (min(counts), max(counts)) == (63_471, 181_179)


def test_real_aedat4():
    pytest.importorskip("aedat")
    path = real(DATA, "sample.aedat4")
    events = read(path, Sensor(240, 320))
    assert len(events.t) == 111_954
    with pytest.raises(DataError, match="lies outside the sensor of 128 x 128"):
        read(path, Sensor(128, 128))


@pytest.mark.parametrize("place", ["NMNIST/Test", "NCALTECH101", "DVSGestureClips"])
def test_atis_equals_tonic(place):
    tonic_io = pytest.importorskip("tonic.io")
    dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    files = sorted(f for f in real(DATA, place).rglob("*.b[is][n2]"))
    assert files
    for path in files[:20]:
        expected = tonic_io.read_mnist_file(path, dtype=dtype)
        found = read(path, Sensor(180, 240))
        assert_same_events(found, [expected[name] for name in Events._fields])


def test_atis_overflow_equals_tonic(tmp_path):
    tonic_io = pytest.importorskip("tonic.io")
    events = random_events(300, Sensor(34, 34))
    y = np.where(np.arange(300) % 70 == 69, 240, events.y)
    (tmp_path / "a.bin").write_bytes(as_atis(events._replace(y=y)))
    dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    expected = tonic_io.read_mnist_file(tmp_path / "a.bin", dtype=dtype)
    found = read(tmp_path / "a.bin", Sensor(34, 34))
    assert_same_events(found, [expected[name] for name in Events._fields])


def test_dat_equals_the_reader_that_tonic_uses():
    expelliarmus = pytest.importorskip("expelliarmus")
    path = real(DATA, "NCARS", "sample_ncars.dat")
    expected = expelliarmus.Wizard(encoding="dat").read(path)
    found = read(path, SENSOR)
    assert_same_events(found, [expected[name] for name in Events._fields])


def test_aedat4_equals_tonic():
    pytest.importorskip("aedat")
    tonic_io = pytest.importorskip("tonic.io")
    path = real(DATA, "sample.aedat4")
    expected = tonic_io.read_aedat4(str(path))
    found = read(path, Sensor(240, 320))
    assert_same_events(found, [expected[name] for name in ("t", "x", "y", "on")])
