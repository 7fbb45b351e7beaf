"""Frames are made once, and nothing half-made is ever read."""

import os
import subprocess
import sys

import numpy as np
import pytest

from qifjax import data
from qifjax.data import array_cache
from qifjax.data.events import Sensor, build
from tests.event_files import (
    as_atis,
    nmnist_folder,
    random_events,
)

NATIVE = data.FrameRecipe(frames=3, size=None)


@pytest.fixture
def nmnist(tmp_path):
    return nmnist_folder(tmp_path)


def cached(data_dir):
    return sorted((data_dir / "cache").glob("nmnist-train-official-*"))


def test_frames_are_made_once(nmnist, monkeypatch):
    calls = []
    first = data.load("nmnist", nmnist, progress=lambda *done: calls.append(done))
    assert calls == [(20, 20)]
    monkeypatch.setattr(build, "read", lambda *_: pytest.fail("read a recording again"))
    again = data.load("nmnist", nmnist, progress=lambda *done: calls.append(done))
    assert again.description == first.description
    assert len(calls) == 1


def test_another_recipe_or_changed_files_are_not_served_stale(nmnist):
    before = data.load("nmnist", nmnist)
    data.load("nmnist", nmnist, frames=data.FrameRecipe(size=None, by="time"))
    assert len(cached(nmnist)) == 2
    path = nmnist / "NMNIST" / "Train" / "0" / "0.bin"
    events = random_events(50, Sensor(34, 34), seed=99)
    path.write_bytes(as_atis(events))
    os.utime(path, ns=(1, 1))
    after = data.load("nmnist", nmnist)
    assert len(cached(nmnist)) == 3
    assert after.description.checksum != before.description.checksum
    path.unlink()
    assert len(data.load("nmnist", nmnist)) == 19


def test_a_damaged_cache_is_rebuilt(nmnist):
    first = data.load("nmnist", nmnist)
    (folder,) = cached(nmnist)
    for damage in (lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b[:-7]):
        path = folder / "inputs.npy"
        path.write_bytes(damage(path.read_bytes()))
        again = data.load("nmnist", nmnist)
        assert again.description == first.description
    assert array_cache._read(folder) is not None


def test_a_damaged_recording_leaves_nothing(nmnist):
    (nmnist / "NMNIST" / "Train" / "9" / "1.bin").write_bytes(b"123")
    with pytest.raises(data.DataError, match=r"9/1.bin: byte 0: 3 bytes left"):
        data.load("nmnist", nmnist)
    assert list((nmnist / "cache").iterdir()) == []


def test_an_interrupted_build_leaves_nothing(nmnist):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data.load("nmnist", nmnist, progress=interrupt)
    assert list((nmnist / "cache").iterdir()) == []


def test_a_full_disk_is_survived(nmnist, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    kept_nothing = data.load("nmnist", nmnist)
    assert list((nmnist / "cache").iterdir()) == []
    monkeypatch.undo()
    assert data.load("nmnist", nmnist).description == kept_nothing.description


LOAD = """
import sys, time
from pathlib import Path
from qifjax import data
start = Path(sys.argv[2])
(start / sys.argv[3]).touch()
while len(list(start.iterdir())) < 2:
    time.sleep(0.001)
loaded = data.load("nmnist", sys.argv[1], progress=lambda done, total: time.sleep(0.2))
print(loaded.description.checksum)
"""


def test_two_processes_at_once_share_the_cache(nmnist, tmp_path_factory):
    start = tmp_path_factory.mktemp("start")
    arguments = [sys.executable, "-c", LOAD, str(nmnist), str(start)]
    both = [
        subprocess.Popen([*arguments, name], stdout=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0] == outputs[1] != ""
    assert len(list((nmnist / "cache").iterdir())) == 1
    assert data.load("nmnist", nmnist).description.checksum == outputs[0].strip()


def test_killed_processes_leave_nothing_under_the_final_name(nmnist, tmp_path_factory):
    start = tmp_path_factory.mktemp("start")
    (start / "other").touch()
    slow = LOAD.replace("sleep(0.2)", "sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-c", slow, str(nmnist), str(start), "a"]
    )
    cache = nmnist / "cache"
    while not (cache.exists() and any(cache.iterdir())):
        assert process.poll() is None
    process.kill()
    process.wait(timeout=60)
    assert all(".partial-" in folder.name for folder in cache.iterdir())
    assert len(data.load("nmnist", nmnist)) == 20


def test_processes_give_the_same_frames(nmnist, monkeypatch):
    monkeypatch.setattr(build, "_CHUNK", 7)
    paths = sorted((nmnist / "NMNIST" / "Train").glob("*/*.bin"))
    recordings = [build.Recording(path, 0) for path in paths]
    results = []
    for workers in (1, 2):
        frames = np.zeros((20, 3, 34, 34, 2), np.uint8)
        saturated = np.full(20, -1)
        calls: list[tuple[int, int]] = []
        build.fill(
            frames,
            saturated,
            recordings,
            Sensor(34, 34),
            NATIVE,
            progress=lambda *done, calls=calls: calls.append(done),
            workers=workers,
        )
        assert calls == [(7, 20), (14, 20), (20, 20)]
        assert saturated.tolist() == [0] * 20
        results.append(frames)
    np.testing.assert_array_equal(*results)
    paths[-1].write_bytes(b"1")
    with pytest.raises(data.DataError, match="1 bytes left"):
        build.fill(frames, saturated, recordings, Sensor(34, 34), NATIVE, workers=2)


def test_a_broken_pool_is_finished_without_it(nmnist, monkeypatch):
    paths = sorted((nmnist / "NMNIST" / "Train").glob("*/*.bin"))
    recordings = [build.Recording(path, 0) for path in paths]

    class BrokenPool:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return False

        def map(self, *_):
            yield build.accumulate(recordings[:7], Sensor(34, 34), NATIVE)
            raise build.BrokenProcessPool

    monkeypatch.setattr(build, "_CHUNK", 7)
    monkeypatch.setattr(build, "ProcessPoolExecutor", BrokenPool)
    frames = np.zeros((20, 3, 34, 34, 2), np.uint8)
    arguments = np.zeros(20, int), recordings, Sensor(34, 34), NATIVE
    build.fill(frames, *arguments, workers=2)
    assert frames.sum(dtype=int) == 20 * 50
