"""Does a long run stay as it began?: python -m benchmarks.long_run.

Trains LeNet-5 on a part of the digits for 1,000 epochs, as a process of its own through
the usual command, and notes at the end of each epoch the memory of that process, as the
kernel counts it (resident set), the time, and the CPU time, which other work on the
machine disturbs less. Every epoch evaluates and writes metrics, so whatever leaks or
slows down does so a thousand times; a checkpoint is written as often as by default.

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

from experiments import cli, figure, markdown, provenance
from experiments.run_folder import RunError, write_report

_CONFIG = "digits_lenet5"
_POLL_SECONDS = 0.02
_MEBIBYTE = 2**20
_PARTS = ("median", "first_tenth_of_second_half", "last_tenth", "ratio")


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
      cpu: CPU time of the process so far, in seconds.
    """

    epoch: int
    seconds: float
    memory: float
    cpu: float


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
        now, used, epoch = time.monotonic(), _usage(process.pid), _epochs(file)
        # A process that has just ended uses nothing any more.
        if used and epoch > (samples[-1].epoch if samples else 0):
            start = start or now
            samples.append(Sample(epoch, now - start, *used))
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
    return {
        "epochs": samples[-1].epoch,
        "memory_mib": {
            "first_epoch": round(samples[0].memory, 1),
            "middle": round(late[0].memory, 1),
            "last_epoch": round(samples[-1].memory, 1),
            "growth_per_1000_epochs": round(1000 * slope, 1),
        },
        **{
            f"{clock}_an_epoch": _speed(samples, late[:tenth], late[-tenth:], clock)
            for clock in ("seconds", "cpu")
        },
    }


def page(result: dict[str, Any]) -> str:
    """The result as Markdown, in words that its numbers choose."""
    memory = result["memory_mib"]
    rows = [
        (name, *(f"{result[clock][part]:g}" for part in _PARTS))
        for name, clock in (("time", "seconds_an_epoch"), ("CPU time", "cpu_an_epoch"))
    ]
    head = ("seconds an epoch", "median", "early", "last tenth", "last / early")
    return "\n".join(
        [
            f"# A run of {result['epochs']:,} epochs",
            "",
            "Every epoch evaluates and writes metrics; checkpoints are written as "
            "often as by default. Early: the first tenth of the second half.",
            "",
            f"Memory: {memory['middle']} MiB in the middle, {memory['last_epoch']} MiB "
            f"at the end; a straight line through the second half grows by "
            f"{memory['growth_per_1000_epochs']} MiB in 1,000 epochs.",
            "",
            *markdown.table(head, rows),
            "",
            "![memory and time of each epoch](long_run.png)",
            "",
            f"Made by `{result['command']}` on {markdown.origin(result)}, at a load of "
            f"{result['load_average'][0]} before and {result['load_average'][1]} after "
            f"(of {os.cpu_count()} cores, other work among it).",
            "",
        ]
    )


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Draws memory and time of each epoch to a PNG file."""
    drawing = figure.new(8, 3)
    memory, speed = drawing.subplots(1, 2)
    epochs = [sample.epoch for sample in samples]
    memory.plot(epochs, [s.memory for s in samples], color=figure.BLUE, linewidth=1)
    memory.set_ylim(bottom=0)
    memory.set_ylabel("resident memory (MiB)")
    for clock, colour, label in (
        ("seconds", figure.ORANGE, "time"),
        ("cpu", figure.GREEN, "CPU time of all threads"),
    ):
        durations = _durations(samples, clock)
        speed.plot(epochs[1:], durations, ".", color=colour, label=label, markersize=2)
    speed.set_ylim(bottom=0)
    speed.set_ylabel("time of an epoch (s)")
    speed.legend(frameon=False, markerscale=4)
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
                [s.epoch, round(s.seconds, 3), round(s.memory, 2), round(s.cpu, 2)]
                for s in samples
            ],
        }
        write_report(options.out, result, page(result))
        draw(samples, options.out.with_suffix(".png"))
        print(json.dumps(summary, indent=2))
        print(options.out)


def _epochs(file: Path) -> int:
    """Number of complete lines of metrics."""
    return file.read_bytes().count(b"\n")


def _usage(pid: int) -> tuple[float, float] | None:
    """Resident set in MiB and CPU seconds of a process, None if it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        # The name of the program, in brackets, may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, IndexError):
        return None
    ticks = int(fields[11]) + int(fields[12])
    memory = pages * os.sysconf("SC_PAGE_SIZE") / _MEBIBYTE
    return (memory, ticks / os.sysconf("SC_CLK_TCK")) if memory else None


def _durations(samples: Sequence[Sample], clock: str) -> list[float]:
    """Time of each epoch but the first; epochs that were missed share theirs."""
    return [
        (getattr(b, clock) - getattr(a, clock)) / (b.epoch - a.epoch)
        for a, b in itertools.pairwise(samples)
    ]


def _speed(
    samples: Sequence[Sample],
    first: Sequence[Sample],
    last: Sequence[Sample],
    clock: str,
) -> dict[str, float]:
    """Median seconds of an epoch by one clock: of all, of two parts, their ratio."""
    medians = [
        statistics.median(_durations(part, clock)) for part in (samples, first, last)
    ]
    values = [*medians, medians[2] / medians[1]]
    return {name: round(v, 4) for name, v in zip(_PARTS, values, strict=True)}


if __name__ == "__main__":
    main()
