"""Signals at random moments of a run: kill -9, and SIGTERM within a write."""

import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np

from experiments.faults.journal import Observation
from experiments.faults.subject import EPOCHS, Ended, Subject, end, intact, same_end
from experiments.run_folder import RunFolder
from qifjax.checkpoint import Checkpoints

_WRITE_SECONDS = 0.2
"""About as long as a checkpoint takes; signals are aimed into this span."""


def kill(subject: Subject, seed: int, i: int) -> Observation:
    """Kills the current run: every second time within a write, else at any moment."""
    rng = np.random.default_rng((seed, i))
    while True:
        folder = current(subject, "killed")
        before, start = _newest(folder), time.time()
        process = subject.start(folder)
        if i % 2:
            # A resumed run has less to do than a whole one.
            _sleep(process, rng.uniform(0, _seconds(subject.undisturbed()) / 2))
        else:
            _wait_for_write(process, folder, start, rng)
        process.kill()
        ended = end(process)
        if ended.code == -signal.SIGKILL:
            break  # else it had finished by itself
    whole, after = intact(folder, subject.undisturbed()), _newest(folder)
    went_on = _went_on(subject, before, ended)
    return {
        "passed": whole and went_on and not ended.err and after >= before,
        "run": folder.path.name,
        "during": _writing(folder, start),
        "intact": whole,
        "went_on": went_on,
        "newest_before": before,
        "newest_after": after,
        "said": ended.err,
    }


def terminate(subject: Subject, seed: int, i: int) -> Observation:
    """Asks the current run to end, with SIGTERM while it writes a checkpoint."""
    rng = np.random.default_rng((seed, i))
    while True:
        folder, start = current(subject, "asked"), time.time()
        process = subject.start(folder)
        _wait_for_write(process, folder, start, rng)
        during = _writing(folder, start)
        process.send_signal(signal.SIGTERM)
        ended = end(process)
        # A run that is asked within its last write has nothing to leave out.
        if not folder.finished:
            break
    whole, left = intact(folder, subject.undisturbed()), _writing(folder, start)
    asked = ended.out[-1].startswith("stopped: SIGTERM") and not ended.err
    return {
        "passed": ended.code == 0 and asked and whole and left == "nothing",
        "run": folder.path.name,
        "during": during,
        "intact": whole,
        "newest_after": _newest(folder),
        "said": [ended.out[-1], *ended.err],
    }


def runs(subject: Subject, name: str) -> list[RunFolder]:
    """The runs that have been signalled, in order."""
    found = sorted(subject.workdir.glob(f"{name}-*"))
    return [RunFolder(path) for path in found if RunFolder(path).started]


def finish(subject: Subject, name: str, i: int) -> Observation:
    """Goes on with a run that has been signalled, to its end."""
    folder = runs(subject, name)[i]
    before = _newest(folder)
    ended = Ended(0, [], []) if folder.finished else subject.run(folder)
    went_on = _went_on(subject, before, ended) and ended.code == 0 and not ended.err
    same = same_end(folder, subject.undisturbed())
    return {
        "passed": went_on and same,
        "run": folder.path.name,
        "went_on": went_on,
        "same_bits": same,
    }


def current(subject: Subject, name: str) -> RunFolder:
    """The run to disturb next: the unfinished one, or a new one."""
    started = runs(subject, name)
    if started and not started[-1].finished:
        return started[-1]
    return subject.folder(f"{name}-{len(started):02d}")


def _went_on(subject: Subject, newest: int, ended: Ended) -> bool:
    """Whether the first epoch that a process has trained is that after a checkpoint."""
    epochs = [re.search(r"epoch +(\d+)/", line) for line in ended.out]
    first = next((int(found[1]) for found in epochs if found), None)
    length = max(Checkpoints(subject.undisturbed().checkpoints).steps()) // EPOCHS
    return first in (None, newest // length + 1)


def _newest(folder: RunFolder) -> int:
    return max(Checkpoints(folder.checkpoints).steps(), default=0)


def _seconds(folder: RunFolder) -> float:
    """How long a finished run has taken."""
    first, last = (folder.path / name for name in ("config.json", "result.json"))
    return last.stat().st_mtime - first.stat().st_mtime


def _sleep(process: subprocess.Popen[str], seconds: float) -> None:
    """Waits, but not for a process that has ended."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _wait_for_write(
    process: subprocess.Popen[str],
    folder: RunFolder,
    start: float,
    rng: np.random.Generator,
) -> None:
    """Waits until one of the first checkpoints is being written, then a little."""
    seen: set[str] = set()
    number = rng.integers(1, 3)
    while process.poll() is None:
        partial = [path.name for path in _partial(folder, start)]
        seen.update(name for name in partial if name[0].isdigit())
        if len(seen) >= number:
            _sleep(process, rng.uniform(0, _WRITE_SECONDS))
            return
        time.sleep(0.0005)


def _writing(folder: RunFolder, start: float) -> str:
    """What a run that was started at some time is, or was, doing to its checkpoints."""
    partial = _partial(folder, start)
    if not partial:
        return "nothing"
    if any((path / "manifest.json").exists() for path in partial):
        return "naming"
    if any((path / "state").exists() for path in partial):
        return "checksums"
    return "bytes" if any(path.stem.isdigit() for path in partial) else "removing"


def _partial(folder: RunFolder, start: float) -> list[Path]:
    """What a run is writing or removing, but not what an earlier one has left."""
    found = []
    for path in folder.checkpoints.glob("*.partial"):
        try:
            if path.stat().st_ctime > start:
                found.append(path)
        except FileNotFoundError:
            continue
    return found
