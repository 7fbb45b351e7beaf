"""Holds the simulated event camera against N-MNIST.

python -m experiments.event_camera [options]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from experiments import cli, provenance
from experiments.event_camera_figure import draw_frames, draw_statistics
from experiments.run_folder import write_json
from qifjax import data
from qifjax.data import DataError, event_camera, simulated

BIN_US = 10_000
"""Length of a bin of the event rate in microseconds."""

_SIZE = 34
_BINS = 32
_CHUNK = 256


@dataclass(frozen=True)
class EventCamera:
    """Compare digits_dvs with the recordings of N-MNIST: a figure, and its numbers.

    Beside the figure NAME.png come NAME.json and NAME_frames.png, which shows a
    recording of each class.

    Attributes:
      out: the figure, a PNG file.
      nmnist: folder of N-MNIST recordings, with Train/<digit>/*.bin and Test/...
    """

    out: Path = Path("docs/results/event_camera.png")
    nmnist: Path = Path(".data/events/NMNIST")


@dataclass(frozen=True)
class Statistics:
    """What is known of N recordings.

    Attributes:
      values: one number of each recording, ``[N]``, by name.
      rate: mean number of events in each bin of ``BIN_US``.
      background_hz: rate of OFF and of ON events of the median pixel among the three
        outermost, which the image seldom reaches.
    """

    values: dict[str, np.ndarray]
    rate: np.ndarray
    background_hz: tuple[float, float]


@dataclass(frozen=True)
class Recordings:
    """Recordings as arrays of ``event_camera.EVENT``, with the digit of each."""

    events: list[np.ndarray]
    labels: np.ndarray

    def of_class(self, digit: int) -> np.ndarray:
        """The recording of a class whose number of events is the median."""
        members = [self.events[i] for i in np.flatnonzero(self.labels == digit)]
        return sorted(members, key=len)[len(members) // 2]


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.event_camera"
        options = cli.parse(EventCamera, argv, program)
        sources = {"N-MNIST": read_nmnist(options.nmnist), "digits_dvs": simulate()}
        statistics = {name: measure(found.events) for name, found in sources.items()}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        numbers = {
            "command": cli.command(program, argv),
            "provenance": provenance.describe(),
            "camera": event_camera.CAMERA._asdict(),
            **{name: summarise(found) for name, found in statistics.items()},
        }
        write_json(options.out.with_suffix(".json"), numbers)
        draw_statistics({k: vars(v) for k, v in statistics.items()}, options.out)
        frames = options.out.with_name(f"{options.out.stem}_frames.png")
        draw_frames(
            {k: [v.of_class(c) for c in range(10)] for k, v in sources.items()}, frames
        )
        for name, found in statistics.items():
            medians = {
                k: round(float(np.median(v)), 3) for k, v in found.values.items()
            }
            print(f"{name}: medians {medians}")
        print(f"{options.out}\n{frames}")


def read_nmnist(folder: Path) -> Recordings:
    """Reads all recordings in the 40-bit format of the ATIS camera.

    An event has five bytes: column, row, and a number of 24 bits, highest byte first,
    whose highest bit is the polarity and whose rest is the time in microseconds.
    """
    files = sorted(folder.glob("T*/*/*.bin"))
    if not files:
        raise DataError(
            f"no N-MNIST recordings in {folder}; put Train and Test of N-MNIST there"
        )
    recordings = []
    for file in files:
        x, y, high, middle, low = (
            np.fromfile(file, np.uint8).reshape(-1, 5).astype(np.int64).T
        )
        events = np.empty(len(x), event_camera.EVENT)
        events["x"], events["y"], events["p"] = x, y, high >> 7
        events["t"] = (high & 0x7F) << 16 | middle << 8 | low
        recordings.append(events)
    return Recordings(recordings, np.asarray([int(f.parent.name) for f in files]))


def simulate() -> Recordings:
    """Records all digits with the camera of ``digits_dvs``, event by event."""
    parts = [data.load("digits", split=split) for split in ("train", "test")]
    images = np.concatenate([part.inputs for part in parts])
    run = jax.jit(event_camera.simulate_events)
    recordings = []
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        placed = simulated.SETS["digits_dvs"].arrange(jnp.asarray(chunk))
        counts = run(placed, jax.random.key(0), first=start)
        recordings += event_camera.to_recordings(counts)
    return Recordings(recordings, np.concatenate([part.labels for part in parts]))


def measure(recordings: list[np.ndarray]) -> Statistics:
    """Counts the events of each recording and where and when they happen."""
    pixels = [
        np.bincount(e["y"].astype(int) * _SIZE + e["x"], minlength=_SIZE**2)
        for e in recordings
    ]
    bins = [np.bincount(e["t"] // BIN_US, minlength=_BINS)[:_BINS] for e in recordings]
    values = {
        "events": np.asarray([len(e) for e in recordings]),
        "on_share_percent": np.asarray([100 * e["p"].mean() for e in recordings]),
        "active_pixels_percent": np.asarray([100 * (n > 0).mean() for n in pixels]),
        "events_per_active_pixel": np.asarray(
            [n.sum() / (n > 0).sum() for n in pixels]
        ),
        "std_x_px": np.asarray([e["x"].std(dtype=np.float64) for e in recordings]),
        "std_y_px": np.asarray([e["y"].std(dtype=np.float64) for e in recordings]),
    }
    return Statistics(values, np.mean(bins, axis=0), _background(recordings))


def _background(recordings: list[np.ndarray]) -> tuple[float, float]:
    counts = np.zeros((2, _SIZE, _SIZE))
    for e in recordings:
        np.add.at(counts, (e["p"].astype(int), e["y"], e["x"]), 1)
    counts[:, 3:-3, 3:-3] = np.nan
    seconds = sum(int(e["t"].max()) for e in recordings) / 1e6
    off, on = np.nanmedian(counts, axis=(1, 2)) / seconds
    return float(off), float(on)


def summarise(statistics: Statistics) -> dict:
    """Number, median and 5th and 95th percentile, for the JSON file."""
    quantities = {
        name: dict(
            zip(("p5", "median", "p95"), np.percentile(v, (5, 50, 95)), strict=True)
        )
        for name, v in statistics.values.items()
    }
    number = len(statistics.values["events"])
    rate = statistics.rate.round(3).tolist()
    background = dict(zip(("off", "on"), statistics.background_hz, strict=True))
    return {
        "recordings": number,
        **quantities,
        "events_per_10_ms": rate,
        "background_hz": background,
    }


if __name__ == "__main__":
    main()
