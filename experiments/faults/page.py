"""The page of all observations."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from experiments import markdown
from experiments.faults.journal import Observation
from experiments.faults.subject import ARGUMENTS

KILLED = "kill -9"
KILLED_END = "killed runs, resumed to the end"
ASKED = "SIGTERM within a write"
ASKED_END = "stopped runs, resumed to the end"
DAMAGED = "damaged checkpoint"
FILE_SIZE = "file-size limit within a checkpoint"
NAN = "NaN in a batch"
MISSING = "data file removed"


def render(faults: dict[str, list[Observation]], command: str, origin: Any) -> str:
    """Writes the page.

    Args:
      faults: observations by fault.
      command: the command that has made them.
      origin: commit, versions and device.

    Returns:
      Markdown.
    """
    rows = [
        [
            fault,
            str(len(seen)),
            _SUMMARIES[fault](seen),
            f"{sum(one['passed'] for one in seen)} of {len(seen)}",
        ]
        for fault, seen in faults.items()
    ]
    said = [
        f"- {fault}: `{seen[-1]['said'][0]}`"
        for fault, seen in faults.items()
        if seen and seen[-1].get("said")
    ]
    return "\n".join(
        [
            "# What faults do to a run",
            "",
            f"Made by `{command}` on {markdown.origin(origin)}.",
            "",
            f"Each fault is planted into `experiments.train {' '.join(ARGUMENTS)}` on "
            "CPU, with a checkpoint after every epoch, and held against the same run "
            "that nothing happens to. Bits are those of parameters, optimizer state, "
            "batch statistics and key.",
            "",
            *markdown.table(("Fault", "Times", "Seen", "Passed"), rows, left=4),
            "",
            "What is said (one line each, on standard error; for SIGTERM on standard "
            "output):",
            "",
            *said,
            "",
        ]
    )


def _count(seen: Sequence[Observation], name: str) -> int:
    return sum(bool(one[name]) for one in seen)


def _kinds(seen: Sequence[Observation], name: str) -> str:
    counts = Counter(one[name] for one in seen)
    return ", ".join(f"{kind}: {number}" for kind, number in sorted(counts.items()))


def _killed(seen: Sequence[Observation]) -> str:
    within = [one for one in seen if one["during"] != "nothing"]
    none = sum(one["newest_after"] == 0 for one in seen)
    return (
        f"{len(within)} within a write ({_kinds(within, 'during')}); afterwards "
        f"{_count(seen, 'intact')} times every checkpoint that is there was verified "
        f"and had the bits of the undisturbed run ({none} times there was none yet); "
        f"{_count(seen, 'went_on')} times the run had gone on from the newest"
    )


def _asked(seen: Sequence[Observation]) -> str:
    return (
        f"in the write: {_kinds(seen, 'during')}; {_count(seen, 'intact')} times both "
        "that checkpoint and the one that was asked for became complete"
    )


def _ended(seen: Sequence[Observation]) -> str:
    return (
        f"{_count(seen, 'went_on')} went on from the newest checkpoint, "
        f"{_count(seen, 'same_bits')} end in the bits of the undisturbed run"
    )


def _damaged(seen: Sequence[Observation]) -> str:
    return (
        f"{_kinds(seen, 'kind')}; detected {_count(seen, 'detected')}, the one before "
        f"used {_count(seen, 'one_before_used')}"
    )


def _refused(seen: Sequence[Observation]) -> str:
    return (
        f"{_kinds(seen, 'fault')}; exit code {_kinds(seen, 'code')}; the last "
        f"checkpoint is intact {_count(seen, 'intact')} times, and without the fault "
        f"the run goes on to the end {_count(seen, 'same_end')} times"
    )


_SUMMARIES = {
    KILLED: _killed,
    KILLED_END: _ended,
    ASKED: _asked,
    ASKED_END: _ended,
    DAMAGED: _damaged,
    FILE_SIZE: _refused,
    NAN: _refused,
    MISSING: _refused,
}
FAULTS = tuple(_SUMMARIES)
"""All faults, in the order of the page."""
