"""Faults that a run cannot go on with: it says so in one line, and loses nothing."""

import contextlib
import io
import shutil
import signal
import time
from pathlib import Path

import numpy as np

from experiments.faults.journal import Observation
from experiments.faults.subject import Ended, Subject, end, intact, same_end
from experiments.run_folder import RunFolder
from qifjax import data
from qifjax.checkpoint import Checkpoints
from qifjax.data import fashion_mnist, tfds_arrays

_MOMENTS = ("before", "within")


def file_size(subject: Subject, seed: int, i: int) -> Observation:
    """A limit on the size of files, as a full disk, before or within a write."""
    del seed
    moment = _MOMENTS[i % len(_MOMENTS)]
    seen = _planted(subject, f"file-size-{i}", ("file-size", moment))
    return {**seen, "fault": f"limit {moment} the write"}


def nan(subject: Subject, seed: int, i: int) -> Observation:
    """A NaN in one batch, in an epoch after the first checkpoint."""
    undisturbed = subject.undisturbed()
    first, *_, last = Checkpoints(undisturbed.checkpoints).steps()
    step = int(np.random.default_rng((seed, i)).integers(first, last))
    seen = _planted(subject, f"nan-{i}", ("nan", str(step)))
    return {**seen, "fault": f"at step {step}"}


def _planted(subject: Subject, name: str, plant: tuple[str, ...]) -> Observation:
    """Runs with a fault, then goes on without it."""
    folder = subject.folder(name)
    shutil.rmtree(folder.path, ignore_errors=True)
    refused = subject.run(folder, plant=plant)
    undisturbed = subject.undisturbed()
    seen = _seen(refused, folder, undisturbed)
    went_on = subject.run(folder)
    same = went_on.code == 0 and same_end(folder, undisturbed)
    return {**seen, "passed": seen["passed"] and same, "same_end": same}


def missing_data(subject: Subject, seed: int, i: int) -> Observation:
    """A data file that is gone when a run is resumed, and then back.

    The data set is the digits, in the layout and under the name of Fashion-MNIST, since
    scikit-learn's own have no file that could be missing.
    """
    del seed
    place = subject.workdir / f"data-{i}"
    shutil.rmtree(place, ignore_errors=True)
    prepared = _prepare(place)
    settings = ("--epochs", "4", "--batch-size", "256", "--save-every", "0")
    arguments = ("fashion_mnist_lenet5", *settings, "--data-dir", str(place))
    subject = Subject(subject.workdir, arguments)
    folder = RunFolder(place / "run")
    process = subject.start(folder)
    while process.poll() is None and not Checkpoints(folder.checkpoints).steps():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    began = end(process)

    (file,) = prepared.glob("*train*array_record*")
    away = file.rename(place / "away")
    cache, cached = place / "cache", place / "cached"
    cache.rename(cached)
    refused = subject.run(folder)
    seen = _seen(refused, folder, folder)
    away.rename(file)
    went_on = subject.run(folder)
    finished = went_on.code == 0 and folder.finished
    return {
        **seen,
        "passed": began.code == 0 and seen["passed"] and finished,
        "fault": "training records and their cache",
        "same_end": finished,
    }


def _prepare(place: Path) -> Path:
    """Writes the digits as if they were Fashion-MNIST, without TFDS's own messages."""
    splits = {}
    for split in ("train", "test"):
        part = data.load("digits", split=split)
        splits[split] = (part.inputs, part.labels)
    names, nowhere = fashion_mnist.CLASS_NAMES, io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        return tfds_arrays.write(place, "fashion_mnist", "3.0.1", names, splits)


def _seen(refused: Ended, folder: RunFolder, undisturbed: RunFolder) -> Observation:
    """What a refusal has said, and whether the good state is still there."""
    steps = Checkpoints(folder.checkpoints).steps()
    whole = bool(steps) and intact(folder, undisturbed)
    return {
        "passed": refused.refused_in_one_line and whole and not folder.finished,
        "code": refused.code,
        "said": refused.err,
        "intact": whole,
        "newest": steps[-1] if steps else None,
    }
