"""Events per second to frames: qifjax, tonic and SpikingJelly on the same recordings.

Each library reads the files with its own reader into its own form of events and makes
frames with its own function; the passes over all files alternate. Before that, the
frames are checked to be equal.

Example: ``python -m benchmarks.event_frames --out data_throughput.json``
"""

import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from qifjax.data.events import FrameRecipe, Sensor, read, to_frames

_FRAMES = 10


@dataclass(frozen=True)
class Options:
    """What to do.

    Attributes:
      out: JSON file for the medians.
      data_dir: folder with the sample recordings under ``events``.
      repeats: passes of each library over each set of files.
      spikingjelly_python: interpreter of an environment with SpikingJelly; without it
        the comparison is with tonic alone.
    """

    out: Path
    data_dir: Path = Path(".data")
    repeats: int = 15
    spikingjelly_python: Path | None = None


@dataclass(frozen=True)
class Work:
    """What is timed.

    Attributes:
      files: recordings.
      sensor: size of their sensor.
      by: ``"number"`` or ``"time"``.
      from_files: whether reading is part of it.
    """

    files: list[Path]
    sensor: Sensor
    by: Any
    from_files: bool


class Qifjax:
    """Our reader and frames; the remainder as the library to compare with has it."""

    def __init__(self, remainder: Any):
        self._remainder = remainder
        self._loaded: dict[Path, Any] = {}

    def frames(self, work: Work) -> tuple[float, list[np.ndarray]]:
        """Seconds and frames ``[T, H, W, 2]`` of a pass over the files."""
        if not work.from_files:
            for path in work.files:
                self._loaded.setdefault(path, read(path, work.sensor))
        recipe = FrameRecipe(_FRAMES, work.by, self._remainder, size=None)
        start = time.perf_counter()
        made = [
            to_frames(
                read(path, work.sensor) if work.from_files else self._loaded[path],
                work.sensor,
                recipe,
            ).counts
            for path in work.files
        ]
        return time.perf_counter() - start, made

    def seconds(self, work: Work) -> float:
        """Seconds of a pass over the files."""
        return self.frames(work)[0]


class Tonic:
    """Tonic's reader of these files and its ToFrame."""

    def __init__(self):
        tonic = importlib.import_module("tonic")

        self._read = tonic.io.read_mnist_file
        self._to_frame = tonic.transforms.ToFrame
        self._dtype = tonic.datasets.NMNIST.dtype
        self._loaded: dict[Path, np.ndarray] = {}

    def frames(self, work: Work) -> tuple[float, list[np.ndarray]]:
        """Seconds and frames ``[T, 2, H, W]`` of a pass over the files."""
        if not work.from_files:
            for path in work.files:
                self._loaded.setdefault(path, self._read(path, self._dtype))
        bins = {"number": "n_event_bins", "time": "n_time_bins"}[work.by]
        size = (work.sensor.width, work.sensor.height, 2)
        transform = self._to_frame(size, **{bins: _FRAMES})
        start = time.perf_counter()
        made = [
            transform(
                self._read(path, self._dtype) if work.from_files else self._loaded[path]
            )
            for path in work.files
        ]
        return time.perf_counter() - start, made

    def seconds(self, work: Work) -> float:
        """Seconds of a pass over the files."""
        return self.frames(work)[0]


class SpikingJelly:
    """SpikingJelly in its own interpreter, which stays for all passes."""

    def __init__(self, python: Path):
        script = Path(__file__).with_name("spikingjelly_frames.py")
        self._process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self._answer()["version"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def seconds(self, work: Work, save: Path | None = None) -> float:
        """Seconds of a pass over the files; its frames go to a file if one is named."""
        assert self._process.stdin is not None
        request = {
            "files": [str(path) for path in work.files],
            "shape": [_FRAMES, *work.sensor],
            "by": work.by,
            "from_files": work.from_files,
            "save": str(save) if save else None,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()["seconds"]

    def frames(self, work: Work) -> tuple[float, list[np.ndarray]]:
        """Seconds and frames ``[T, 2, H, W]`` of a pass over the files."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "frames.npy"
            seconds = self.seconds(work, path)
            return seconds, list(np.load(path))


def compare(work: Work, peers: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Median events per second of each library, after a check that frames agree."""
    ours = {"tonic": Qifjax("drop"), "spikingjelly": Qifjax("last")}
    for name, peer in peers.items():
        expected = [frames.transpose(0, 2, 3, 1) for frames in peer.frames(work)[1]]
        found = ours[name].frames(work)[1]
        for ours_frames, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours_frames, np.minimum(theirs, 255))
    ours["spikingjelly"].frames(work)
    timed = {"qifjax": ours["spikingjelly"].seconds}
    timed |= {name: peer.seconds for name, peer in peers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(repeats):
        for name, run in timed.items():
            seconds[name].append(run(work))
    events = sum(len(read(path, work.sensor).t) for path in work.files)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    fastest = min(value for name, value in medians.items() if name != "qifjax")
    return {
        "files": len(work.files),
        "events": events,
        "by": work.by,
        "from_files": work.from_files,
        "events_per_s": {
            name: round(events / value) for name, value in medians.items()
        },
        "seconds": {
            name: [round(v, 6) for v in values] for name, values in seconds.items()
        },
        "times_the_faster_peer": round(fastest / medians["qifjax"], 2),
    }


def main() -> None:
    """Runs the command line."""
    options = tyro.cli(Options, description=__doc__)
    folder = options.data_dir / "events"
    sets = {
        "N-MNIST": (sorted(folder.glob("NMNIST/Test/*/*.bin")), Sensor(34, 34)),
        "N-Caltech-101": (sorted(folder.glob("NCALTECH101/*/*/*.bin")), (180, 240)),
        "gesture clips": (sorted(folder.glob("DVSGestureClips/*.bs2")), (128, 128)),
    }
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "tonic")}
    peers: dict[str, Any] = {"tonic": Tonic()}
    if options.spikingjelly_python is not None:
        peers["spikingjelly"] = SpikingJelly(options.spikingjelly_python)
        versions["spikingjelly"] = peers["spikingjelly"].version
    rows = []
    for from_files in (False, True):
        for name, (files, sensor) in sets.items():
            for by in ("number", "time"):
                work = Work(files, Sensor(*sensor), by, from_files)
                row = {"set": name, **compare(work, peers, options.repeats)}
                rows.append(row)
                print(name, by, from_files, row["events_per_s"], end=" ")
                print(row["times_the_faster_peer"])
    command = (
        "python -m benchmarks.event_frames"
        + (" --spikingjelly-python PYTHON" if "spikingjelly" in peers else "")
        + f" --repeats {options.repeats} --out {options.out}"
    )
    report = {
        "command": command,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": versions,
        "frames": _FRAMES,
        "rows": rows,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
