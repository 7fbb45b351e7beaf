"""What the folders of the event data sets hold, and which part each file belongs to."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from qifjax.data.errors import DataError
from qifjax.data.events.build import Recording


class Listing(NamedTuple):
    """The recordings of one part of a data set.

    Attributes:
      recordings: what the folder holds of that part, in a fixed order.
      class_names: name of each class.
      found: how many recordings the folder holds.
      complete: how many they are in the complete data set.
      unit: what these two numbers count, in words.
    """

    recordings: list[Recording]
    class_names: tuple[str, ...]
    found: int
    complete: int
    unit: str


_DIGITS = tuple("0123456789")
_NMNIST_COUNTS = {"train": 60_000, "test": 10_000}

_N_CALTECH101_COUNT = 8_709

_CARS = ("background", "cars")
_N_CARS_COUNTS = {"train": 15_422, "test": 8_607}

_CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_CIFAR10_DVS_COUNT = 10_000

_GESTURES = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter-clockwise",
    "left arm clockwise",
    "left arm counter-clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
)
_GESTURE_COUNTS = {"train": 1_176, "test": 288}
_GESTURE_NPY_COUNTS = {"train": 1_077, "test": 264}


def nmnist(root: Path, part: str, rule: str) -> Listing:
    """``Train`` or ``Test``, then a folder for each digit."""
    del rule
    folder = root / part.capitalize()
    recordings = _labelled(folder, _DIGITS, "*.bin")
    return _official(recordings, _DIGITS, part, _NMNIST_COUNTS)


def n_cars(root: Path, part: str, rule: str) -> Listing:
    """``n-cars_train`` or ``n-cars_test``, then ``background`` and ``cars``."""
    del rule
    bases = (root / "Prophesee_Dataset_n_cars", root)
    inside = (f"n-cars_{part}/{part}", f"n-cars_{part}", part)
    folders = [base / path / "cars" for base in bases for path in inside]
    folder = _first_folder(*folders).parent
    recordings = _labelled(folder, _CARS, "*.dat")
    return _official(recordings, _CARS, part, _N_CARS_COUNTS)


def n_caltech101(root: Path, part: str, rule: str) -> Listing:
    """A folder for each class; of each, sorted, the first 9 n // 10 are for train."""
    del rule
    folder = _first_folder(root / "Caltech101", root)
    names = tuple(sorted(path.parent.name for path in folder.glob("*/*.bin")))
    names = tuple(dict.fromkeys(names))
    everything = _labelled(folder, names, "*.bin")
    return Listing(
        _heads(everything, part, lambda n: 9 * n // 10),
        names,
        len(everything),
        _N_CALTECH101_COUNT,
        "recordings",
    )


def cifar10_dvs(root: Path, part: str, rule: str) -> Listing:
    """A folder for each class, with files that end with the number of the image.

    ``tebn``: numbers 0 to 99 of each class are the test set. ``head90``: of each class,
    sorted by name, the first 90 % (rounded up) are for training.
    """
    everything = _labelled(root, _CIFAR10, "*.aedat") or _labelled(
        root, _CIFAR10, "*.aedat4"
    )
    if rule == "tebn":
        is_test = part == "test"
        chosen = [r for r in everything if (_number(r.path) < 100) == is_test]
    else:
        chosen = _heads(everything, part, lambda n: -(-9 * n // 10))
    return Listing(chosen, _CIFAR10, len(everything), _CIFAR10_DVS_COUNT, "recordings")


def dvs128_gesture(root: Path, part: str, rule: str) -> Listing:
    """The original files with their lists, or those that tonic has cut."""
    del rule
    folder = _first_folder(root / "DvsGesture", root)
    listed = folder / f"trials_to_{part}.txt"
    if listed.exists():
        trials = [folder / line for line in listed.read_text().split()]
        recordings = [r for trial in trials if trial.exists() for r in _cuts(trial)]
        return _official(recordings, _GESTURES, part, _GESTURE_COUNTS)
    files = sorted((root / f"ibmGesture{part.capitalize()}").glob("*/*.npy"))
    known = [path for path in files if path.stem in map(str, range(len(_GESTURES)))]
    recordings = [Recording(path, int(path.stem)) for path in known]
    return _official(recordings, _GESTURES, part, _GESTURE_NPY_COUNTS)


def _cuts(trial: Path) -> list[Recording]:
    """The gestures of one original file, from the table of times beside it."""
    table = trial.with_name(f"{trial.stem}_labels.csv")
    try:
        lines = table.read_bytes().decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {table} ({error}); fetch it again") from error
    recordings = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        match = re.fullmatch(r"\s*(\d{1,2})\s*,\s*(\d{1,12})\s*,\s*(\d{1,12})\s*", line)
        if match is None or not 1 <= int(match[1]) <= len(_GESTURES):
            raise DataError(
                f"{table}: line {number}: {line!r} instead of class (1 to "
                f"{len(_GESTURES)}), start and end in microseconds"
            )
        label, start, stop = map(int, match.groups())
        recordings.append(Recording(trial, label - 1, (start, stop)))
    return recordings


def _labelled(folder: Path, names: Iterable[str], pattern: str) -> list[Recording]:
    """The files of each class, sorted by name; class i is the i-th of ``names``."""
    return [
        Recording(path, label)
        for label, name in enumerate(names)
        for path in sorted((folder / name).glob(pattern))
    ]


def _official(
    recordings: list[Recording],
    names: tuple[str, ...],
    part: str,
    complete: dict[str, int],
) -> Listing:
    unit = {"train": "training recordings", "test": "test recordings"}[part]
    return Listing(recordings, names, len(recordings), complete[part], unit)


def _heads(
    recordings: list[Recording], part: str, head: Callable[[int], int]
) -> list[Recording]:
    """Of each class the first ``head(n)`` recordings (train) or the rest (test)."""
    by_class: dict[int, list[Recording]] = {}
    for recording in recordings:
        by_class.setdefault(recording.label, []).append(recording)
    return [
        recording
        for members in by_class.values()
        for recording in (
            members[: head(len(members))]
            if part == "train"
            else members[head(len(members)) :]
        )
    ]


def _number(path: Path) -> int:
    match = re.search(r"(\d+)$", path.stem)
    if match is None:
        raise DataError(
            f"{path}: the name does not end with the image's number, by which the "
            "tebn split goes; restore the official name or pass split_rule='head90'"
        )
    return int(match[1])


def _first_folder(*folders: Path) -> Path:
    """The first folder that exists, or the last."""
    return next((folder for folder in folders if folder.is_dir()), folders[-1])
