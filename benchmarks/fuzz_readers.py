"""Damages event files in thousands of ways and counts what their readers make of them.

Allowed are one ``DataError`` that names file and byte, and events that are consistent:
fields of one length, times in order, coordinates on the sensor. Anything else, also a
crash of the process or a call that takes too long, is a failure; then the exit status
is 1.

Example: ``python -m benchmarks.fuzz_readers --mutations 3000 --out data_fuzz.json``
"""

import collections
import json
import multiprocessing
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from qifjax.data import DataError
from qifjax.data.events import Events, Sensor, read

_ALLOWED = ("error", "valid")


@dataclass(frozen=True)
class Options:
    """What to do.

    Attributes:
      out: JSON file for the counts.
      mutations: number of damaged files of each format.
      data_dir: folder with the sample recordings under ``events``.
      seed: seed of the damage.
      limit_s: time in seconds after which a call counts as hanging.
    """

    out: Path
    mutations: int = 3000
    data_dir: Path = Path(".data")
    seed: int = 0
    limit_s: float = 10.0


@dataclass(frozen=True)
class Sample:
    """An intact file of one format.

    Attributes:
      origin: where its events come from, in words.
      ending: of its name.
      content: its bytes.
      sensor: size of its sensor.
    """

    origin: str
    ending: str
    content: bytes
    sensor: Sensor


def samples(data_dir: Path) -> dict[str, Sample]:
    """One file of each format, from the real recordings."""
    folder = data_dir / "events"
    sides = Sensor(34, 34), Sensor(128, 128), Sensor(100, 120)
    digit = sorted(folder.glob("NMNIST/Test/*/*.bin"))[0].read_bytes()[:5000]
    clip = (folder / "DVSGestureClips" / "1.bs2").read_bytes()[:5000]
    car = (folder / "NCARS" / "sample_ncars.dat").read_bytes()[: 93 + 8 * 600]
    car = car[: len(car) - (len(car) - _dat_header(car)) % 8]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "1.bs2"
        path.write_bytes(clip)
        events = read(path, sides[1])
    real, encoded = "real file, its beginning", "real gesture, encoded anew"
    return {
        "ATIS .bin": Sample(real, ".bin", digit, sides[0]),
        "ATIS .bs2": Sample(real, ".bs2", clip, sides[1]),
        "Prophesee .dat": Sample(real, ".dat", car, sides[2]),
        "AEDAT 2.0": Sample(encoded, ".aedat", _aedat2(events), sides[1]),
        "AEDAT 3.1": Sample(encoded, ".aedat", _aedat3(events), sides[1]),
        "AEDAT 4.0": Sample(
            "real file",
            ".aedat4",
            (folder / "sample.aedat4").read_bytes(),
            Sensor(240, 320),
        ),
        "gesture .npy": Sample(encoded, ".npy", _npy(events), sides[1]),
    }


def _dat_header(data: bytes) -> int:
    end = 0
    while data[end : end + 1] == b"%":
        end = data.index(b"\n", end) + 1
    return end + 2


def _aedat2(events: Events) -> bytes:
    t, x, y, p = (field.astype(np.uint32) for field in events)
    words = np.stack([(127 - x) << 8 | (127 - y) << 1 | (1 - p), t], axis=1)
    return b"#!AER-DAT2.0\r\n# A line of text.\r\n" + words.astype(">u4").tobytes()


def _aedat3(events: Events) -> bytes:
    t, x, y, p = (field.astype(np.uint32) for field in events)
    words = np.stack([x << 17 | y << 2 | p << 1 | 1, t], axis=1).astype("<u4")
    content = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n"
    for i in range(0, len(words), 200):
        part = words[i : i + 200]
        n = len(part)
        content += struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, n, n, n) + part.tobytes()
    return content


def _npy(events: Events) -> bytes:
    t, x, y, p = (field.astype(np.int64) for field in events)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "a.npy"
        np.save(path, np.stack([x, y, p, t // 1000], axis=1))
        return path.read_bytes()


# --- damage --------------------------------------------------------------------------


def _truncate(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data))]


def _extend(data: bytes, rng: np.random.Generator) -> bytes:
    return data + rng.bytes(int(rng.integers(1, 64)))


def _flip_bits(data: bytes, rng: np.random.Generator) -> bytes:
    damaged = np.frombuffer(data, np.uint8).copy()
    places = rng.integers(0, len(data), rng.integers(1, 9))
    damaged[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    return damaged.tobytes()


def _overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(data)))
    patch = rng.bytes(int(rng.integers(1, 64)))
    return data[:place] + patch + data[place + len(patch) :]


def _remove(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(data)))
    return data[:place] + data[place + int(rng.integers(1, 64)) :]


def _insert(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(data)))
    return data[:place] + rng.bytes(int(rng.integers(1, 64))) + data[place:]


def _wrong_magic(data: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(12) + data[12:]


def _damage_header(data: bytes, rng: np.random.Generator) -> bytes:
    head = bytearray(data[:128])
    for place in rng.integers(0, len(head), rng.integers(1, 5)):
        head[place] = int(rng.integers(256))
    return bytes(head) + data[128:]


def _random(data: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(int(rng.integers(1, 2 * min(len(data), 5000))))


def _empty(data: bytes, rng: np.random.Generator) -> bytes:
    del data, rng
    return b""


DAMAGE: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "truncated": _truncate,
    "extended": _extend,
    "bits flipped": _flip_bits,
    "overwritten": _overwrite,
    "bytes removed": _remove,
    "bytes inserted": _insert,
    "wrong magic": _wrong_magic,
    "header damaged": _damage_header,
    "random bytes": _random,
    "empty": _empty,
}


# --- judgement -----------------------------------------------------------------------


def judge(path: Path, sensor: Sensor) -> tuple[str, str]:
    """What a reader makes of a file: an outcome, and its message where it failed."""
    try:
        events = read(path, sensor)
    except DataError as error:
        message = str(error)
        named = str(path) in message and "byte" in message
        return ("error", "") if named else ("vague error", message)
    except BaseException as error:
        return type(error).__name__, str(error)
    t, x, y, p = events
    if not 0 < len(t) == len(x) == len(y) == len(p):
        return "inconsistent lengths", str([len(field) for field in events])
    if (np.diff(t) < 0).any():
        return "times out of order", ""
    if x.max() >= sensor.width or y.max() >= sensor.height or p.max() > 1:
        return "coordinates off the sensor", ""
    return "valid", ""


def _serve(connection, sensor: Sensor) -> None:
    """Judges each file whose path comes, in a process that may crash or hang."""
    while (path := connection.recv()) is not None:
        connection.send(judge(path, sensor))


class Judge:
    """:func:`judge` in a process of its own, which is replaced when it is lost."""

    def __init__(self, sensor: Sensor, limit_s: float):
        self._sensor, self._limit_s = sensor, limit_s
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, self._sensor))
        self._process.start()
        other.close()

    def __call__(self, path: Path) -> tuple[str, str]:
        """The outcome of one file; ``hang`` and ``crash`` are outcomes as well."""
        self._connection.send(path)
        try:
            if self._connection.poll(self._limit_s):
                return self._connection.recv()
            outcome = "hang", f"more than {self._limit_s} s"
        except EOFError:
            outcome = "crash", "the process ended"
        self._process.kill()
        self._process.join()
        self._start()
        return outcome

    def close(self) -> None:
        """Ends the process."""
        self._connection.send(None)
        self._process.join()


def fuzz(sample: Sample, options: Options, scratch: Path) -> dict:
    """Counts the outcomes of one format."""
    path = scratch / f"damaged{sample.ending}"
    path.write_bytes(sample.content)
    judged = Judge(sample.sensor, limit_s=60.0)
    if (intact := judged(path))[0] != "valid":
        raise SystemExit(f"the intact {sample.ending} file gives {intact}")
    judged._limit_s = options.limit_s
    outcomes = {kind: collections.Counter[str]() for kind in DAMAGE}
    failures, slowest = [], 0.0
    kinds = list(DAMAGE)
    for i in range(options.mutations):
        kind = kinds[i % len(kinds)]
        rng = np.random.default_rng((options.seed, i))
        path.write_bytes(DAMAGE[kind](sample.content, rng))
        start = time.perf_counter()
        outcome, message = judged(path)
        slowest = max(slowest, time.perf_counter() - start)
        outcomes[kind][outcome] += 1
        if outcome not in _ALLOWED:
            failures.append(
                {"damage": kind, "number": i, "outcome": outcome, "message": message}
            )
    judged.close()
    return {
        "origin": sample.origin,
        "bytes": len(sample.content),
        "mutations": options.mutations,
        "outcomes": dict(sum(outcomes.values(), collections.Counter())),
        "by_damage": {kind: dict(counter) for kind, counter in outcomes.items()},
        "slowest_s": round(slowest, 3),
        "failures": failures[:20],
        "failed": len(failures),
    }


def main() -> None:
    """Runs the command line."""
    options = tyro.cli(Options, description=__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        formats = {}
        for name, sample in samples(options.data_dir).items():
            formats[name] = fuzz(sample, options, Path(scratch))
            print(name, formats[name]["outcomes"], formats[name]["slowest_s"], "s")
    report = {
        "command": "python -m benchmarks.fuzz_readers "
        f"--mutations {options.mutations} --seed {options.seed} --out {options.out}",
        "seed": options.seed,
        "limit_s": options.limit_s,
        "formats": formats,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    sys.exit(any(result["failed"] for result in formats.values()))


if __name__ == "__main__":
    main()
