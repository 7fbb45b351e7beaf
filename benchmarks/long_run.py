"""Does a long run stay as it began?: python -m benchmarks.long_run.

Trains LeNet-5 on a part of the digits for 1,000 epochs, as a process of its own through
the usual command, and notes at the end of each epoch the memory of that process, as the
kernel counts it (resident set), and the time. Every epoch evaluates, writes metrics and
a checkpoint, so whatever leaks or slows down does so a thousand times.

Flat and steady are judged by the second half of the epochs: a straight line through the
memory gives its growth, and the median epoch of the last tenth is held against that of
the first tenth of that half, since the first epochs fill caches.
"""

import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments import cli, figure, provenance
from experiments.run_folder import RunError, write_json

_CONFIG = "digits_lenet5"
_POLL_SECONDS = 0.02
_MEBIBYTE = 2**20


@dataclass(frozen=True)
class LongRun:
    """Train for many epochs and record memory and speed of each.

    Attributes:
      epochs: epochs to train.
      limit: training examples, and evaluation examples.
      batch_size: examples a step.
      out: JSON file to write; the figure goes beside it.
    """

    epochs: int = 1000
    limit: int = 256
    batch_size: int = 64
    out: Path = Path("docs/results/long_run.json")


class Sample(NamedTuple):
    """The process at the end of an epoch.

    Attributes:
      epoch: number of the epoch, from 1.
      seconds: time since the first sample.
      memory: resident set in MiB.
    """

    epoch: int
    seconds: float
    memory: float


def command(options: LongRun, workdir: Path) -> list[str]:
    """The run that is observed."""
    settings = {
        "epochs": options.epochs,
        "limit": options.limit,
        "batch-size": options.batch_size,
        "workdir": workdir,
    }
    given = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return ["-m", "experiments.train", _CONFIG, *map(str, given)]


def observe(options: LongRun, workdir: Path) -> list[Sample]:
    """Starts the run and samples it whenever a line of metrics appears."""
    process = subprocess.Popen(
        [sys.executable, *command(options, workdir)], stdout=subprocess.DEVNULL
    )
    file = workdir / "metrics.jsonl"
    samples: list[Sample] = []
    start, size = 0.0, 0
    while process.poll() is None:
        time.sleep(_POLL_SECONDS)
        before, size = size, file.stat().st_size if file.exists() else 0
        if size <= before:
            continue
        now, memory, epoch = time.monotonic(), _resident(process.pid), _epochs(file)
        # A process that has just ended has no memory any more.
        if memory and epoch > (samples[-1].epoch if samples else 0):
            start = start or now
            samples.append(Sample(epoch, now - start, memory))
    if process.returncode or not samples:
        raise RunError(f"the run ended with code {process.returncode}; see above")
    return samples


def summarise(samples: Sequence[Sample]) -> dict[str, Any]:
    """Growth of the memory and change of the speed, over the second half.

    Args:
      samples: at least twenty samples, in order.

    Returns:
      Plain values by name, with their units.
    """
    late = samples[len(samples) // 2 :]
    tenth = max(2, len(late) // 10)
    epochs = np.asarray([sample.epoch for sample in late], np.float64)
    memory = np.asarray([sample.memory for sample in late])
    slope = float(np.polyfit(epochs, memory, 1)[0])
    first, last = _median_epoch(late[:tenth]), _median_epoch(late[-tenth:])
    return {
        "epochs": samples[-1].epoch,
        "memory_mib": {
            "first_epoch": round(samples[0].memory, 1),
            "middle": round(late[0].memory, 1),
            "last_epoch": round(samples[-1].memory, 1),
            "growth_per_1000_epochs": round(1000 * slope, 1),
        },
        "seconds_an_epoch": {
            "median": round(_median_epoch(samples), 4),
            "first_tenth_of_second_half": round(first, 4),
            "last_tenth": round(last, 4),
            "ratio": round(last / first, 3),
        },
    }


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Draws memory and time of each epoch to a PNG file."""
    drawing = figure.new(8, 3)
    memory, speed = drawing.subplots(1, 2)
    epochs = [sample.epoch for sample in samples]
    memory.plot(epochs, [s.memory for s in samples], color=figure.BLUE, linewidth=1)
    memory.set_ylim(bottom=0)
    memory.set_ylabel("resident memory (MiB)")
    speed.plot(epochs[1:], _durations(samples), ".", color=figure.ORANGE, markersize=2)
    speed.set_ylim(bottom=0)
    speed.set_ylabel("time of an epoch (s)")
    for axes in (memory, speed):
        axes.set_xlabel("epoch")
    figure.save(drawing, path, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs, prints a summary and writes the files."""
    with cli.one_line_errors():
        options = cli.parse(LongRun, argv, "python -m benchmarks.long_run")
        workdir = Path(tempfile.mkdtemp(prefix="qifjax-long-run-"))
        # The code is what it was when the run began, not when it ends.
        origin, load_before = provenance.describe(), round(os.getloadavg()[0], 2)
        try:
            samples = observe(options, workdir / "run")
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
        summary = summarise(samples)
        result = {
            "command": f"python -m benchmarks.long_run --epochs {options.epochs} "
            f"--limit {options.limit} --batch-size {options.batch_size} "
            f"--out {options.out}",
            "observed": " ".join(["python", *command(options, Path("RUN"))]),
            **origin,
            "load_average": [load_before, round(os.getloadavg()[0], 2)],
            **summary,
            "samples": [
                [s.epoch, round(s.seconds, 3), round(s.memory, 2)] for s in samples
            ],
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(options.out, result)
        draw(samples, options.out.with_suffix(".png"))
        print(json.dumps(summary, indent=2))
        print(options.out)


def _epochs(file: Path) -> int:
    """Number of complete lines of metrics."""
    return file.read_bytes().count(b"\n")


def _resident(pid: int) -> float:
    """Resident set of a process in MiB, 0 where it has just ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / _MEBIBYTE


def _durations(samples: Sequence[Sample]) -> list[float]:
    """Time of each epoch but the first; epochs that were missed share theirs."""
    return [
        (b.seconds - a.seconds) / (b.epoch - a.epoch)
        for a, b in itertools.pairwise(samples)
    ]


def _median_epoch(samples: Sequence[Sample]) -> float:
    return statistics.median(_durations(samples))


if __name__ == "__main__":
    main()
