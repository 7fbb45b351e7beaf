"""Event files, read back as TensorBoard's format describes them."""

import struct
import sys

import pytest

from experiments.config import ConfigError
from experiments.tensorboard import EventFiles

EPOCHS = [
    {"step": 5, "loss": 2.5, "silent": {"conv1/neuron": 0.25, "fc1/neuron": 0.0}},
    {"step": 10, "loss": 1.5, "silent": {"conv1/neuron": 0.5, "fc1/neuron": 1.0}},
]


def crc32c(data):
    """Castagnoli's CRC, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    """The masked CRC of TFRecord, as the four bytes that follow the data."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def records(file):
    """The contents of a file of records: length, its CRC, data, their CRC."""
    rest = file.read_bytes()
    while rest:
        (length,) = struct.unpack("<Q", rest[:8])
        assert rest[8:12] == masked(rest[:8])
        data, rest = rest[12 : 12 + length], rest[12 + length :]
        assert rest[:4] == masked(data)
        rest = rest[4:]
        yield data


def events(folder):
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    for file in sorted(folder.iterdir()):
        for data in records(file):
            yield event_pb2.Event.FromString(data)


def scalars(folder):
    return {
        (event.step, value.tag): value.simple_value
        for event in events(folder)
        for value in event.summary.value
    }


def test_every_number_of_every_epoch_is_read_back(tmp_path):
    folder = tmp_path / "run" / "tensorboard"
    with EventFiles(folder) as files:
        assert not folder.exists()
        for i, entry in enumerate(EPOCHS):
            files.write(entry)
            # A run that is killed now has lost nothing.
            assert len(scalars(folder)) == 4 * (i + 1)
    assert scalars(folder) == {
        (5, "step"): 5,
        (5, "loss"): 2.5,
        (5, "silent/conv1/neuron"): 0.25,
        (5, "silent/fc1/neuron"): 0.0,
        (10, "step"): 10,
        (10, "loss"): 1.5,
        (10, "silent/conv1/neuron"): 0.5,
        (10, "silent/fc1/neuron"): 1.0,
    }
    assert next(events(folder)).file_version == "brain.Event:2"


def test_a_run_that_goes_on_discards_what_lies_behind_its_checkpoint(tmp_path):
    with EventFiles(tmp_path) as files:
        for entry in EPOCHS:
            files.write(entry)
    with EventFiles(tmp_path) as files:
        files.write(EPOCHS[1])
    starts = [event.step for event in events(tmp_path) if event.session_log.status == 1]
    assert starts == [5, 10]


def test_without_the_package_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    with pytest.raises(ConfigError, match=r"pip install 'qifjax\[tensorboard\]'"):
        EventFiles(tmp_path / "never")
    assert list(tmp_path.iterdir()) == []
