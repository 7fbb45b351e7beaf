"""From the seconds and bytes of all contestants to ratios and verdicts."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.peers.contestants import CONTESTANTS, OURS
from experiments.latency import ratio_interval

Row = Mapping[str, Any]


def rows(parts: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """The timed turns, summarised.

    Args:
      parts: seconds of each round, by ``TASK NEURON CONTESTANT``.

    Returns:
      A row a part, as plain values: quartiles of the seconds, and where ours is known,
      the ratio of the medians, contestant to ours, with a 95 % bootstrap interval.
    """
    found = []
    for part, seconds in parts.items():
        task, neuron, name = part.split()
        row: dict[str, Any] = {"task": task, "neuron": neuron, "contestant": name}
        row["rounds"] = len(seconds)
        row["seconds"] = np.quantile(seconds, (0.25, 0.5, 0.75)).tolist()
        ours = parts.get(f"{task} {neuron} {OURS}")
        if ours:
            row["ratio"], *row["ratio_interval"] = _ratio(seconds, ours)
        found.append(row)
    return found


def starts(parts: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """The starts of fresh processes, summarised.

    Args:
      parts: cold seconds, warm seconds and bytes of each start in turn, by
        ``TASK NEURON CONTESTANT``.

    Returns:
      A row a part, as plain values: medians, and the range of the seconds.
    """
    found = []
    for part, numbers in parts.items():
        task, neuron, name = part.split()
        cold, warm, memory = (numbers[i::3] for i in range(3))
        found.append(
            {
                "task": task,
                "neuron": neuron,
                "contestant": name,
                "starts": len(cold),
                "cold_seconds": statistics.median(cold),
                "cold_range": [min(cold), max(cold)],
                "warm_seconds": statistics.median(warm),
                "warm_range": [min(warm), max(warm)],
                "memory": statistics.median(memory),
            }
        )
    return found


def qif_to_lif(parts: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """What QIF costs beside LIF in qifjax.

    Args:
      parts: seconds of each round, by ``TASK NEURON CONTESTANT``.

    Returns:
      A row a task, as plain values: ratio of the medians with a 95 % interval.
    """
    found = []
    for part, qif in parts.items():
        task, neuron, name = part.split()
        lif = parts.get(f"{task} lif {name}")
        if neuron == "qif" and name == OURS and lif:
            ratio, *interval = _ratio(qif, lif)
            rounds = min(len(qif), len(lif))
            found.append(
                {"task": task, "rounds": rounds, "ratio": ratio, "interval": interval}
            )
    return found


def _ratio(above, below):
    # The last round of one of them may be missing.
    rounds = min(len(above), len(below))
    above, below = np.asarray(above[:rounds]), np.asarray(below[:rounds])
    return float(np.median(above) / np.median(below)), *ratio_interval(above, below)


@dataclass(frozen=True)
class Verdict:
    """Whether a requirement is met.

    Attributes:
      claim: the requirement, in words.
      met: whether it is.
      found: the number that decides, in words.
    """

    claim: str
    met: bool
    found: str


_NETWORKS = {"train-lenet5": 1.4, "train-vggsnn": 1.0, "train-resnet19": 1.0}
_MULTI_STEP, _STEP_BY_STEP = 2.0, 5.0
_MEMORY = 0.4
_QIF = 1.05


def verdicts(result: Mapping[str, Any]) -> list[Verdict]:
    """What a result says of each requirement that its rows can decide.

    Args:
      result: ``rows``, ``starts`` and ``qif_to_lif``, as the functions here give them.

    Returns:
      The verdicts, task by task.
    """
    found = []
    for task, neuron, peers in _by_work(result["rows"]):
        if task.startswith("neuron-"):
            found += _of_neurons(task, neuron, peers)
        else:
            least = _NETWORKS.get(task, 1.0)
            found += _fastest(f"{task}, {neuron.upper()}", least, "the fastest", peers)
    for task, neuron, peers in _by_work(result["starts"]):
        if task != "train-lenet5":
            found += _of_memory(task, neuron, peers)
    for row in result["qif_to_lif"]:
        if row["task"].startswith("train-"):
            low, high = row["interval"]
            found.append(
                Verdict(
                    f"{row['task']}: the 95 % interval of QIF / LIF holds {_QIF} or "
                    "lies below it",
                    low <= _QIF,
                    f"{row['ratio']:.3f} (95 %: {low:.3f} to {high:.3f}, "
                    f"{row['rounds']} rounds)",
                )
            )
    return found


def _by_work(rows: Iterable[Row]) -> list[tuple[str, str, dict[str, Row]]]:
    """Rows by contestant, for every task and neuron."""
    works: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        work = works.setdefault((row["task"], row["neuron"]), {})
        work[row["contestant"]] = row
    return [(*work, contestants) for work, contestants in works.items()]


def _of_neurons(task, neuron, peers):
    def stepping(kind):
        return {
            name: row
            for name, row in peers.items()
            if CONTESTANTS[name].stepping == kind
        }

    label = f"{task}, {neuron.upper()}"
    return [
        *_fastest(label, _MULTI_STEP, "the multi-step", stepping("multi-step")),
        *_fastest(label, _STEP_BY_STEP, "each step-by-step", stepping("step-by-step")),
    ]


def _fastest(label, least, which, peers):
    chosen = _least(peers, lambda row: row.get("ratio"))
    if chosen is None:
        return []
    name, ratio = chosen
    low, high = peers[name]["ratio_interval"]
    return [
        Verdict(
            f"{label}: at least {least} times {which} peer",
            ratio >= least,
            f"{ratio:.2f} ({CONTESTANTS[name].title}; 95 %: {low:.2f} to {high:.2f})",
        )
    ]


def _of_memory(task, neuron, peers):
    chosen = _least(peers, lambda row: row["memory"])
    if chosen is None or OURS not in peers:
        return []
    name, memory = chosen
    share = peers[OURS]["memory"] / memory
    return [
        Verdict(
            f"{task}, {neuron.upper()}: at most {_MEMORY} of the leanest peer's memory",
            share <= _MEMORY,
            f"{share:.2f} ({CONTESTANTS[name].title})",
        )
    ]


def _least(
    peers: Mapping[str, Row], value: Callable[[Row], float | None]
) -> tuple[str, float] | None:
    """The peer whose value is least, and the value."""
    values = {name: value(row) for name, row in peers.items() if name != OURS}
    known = {name: number for name, number in values.items() if number is not None}
    name = min(known, key=lambda name: known[name], default=None)
    return None if name is None else (name, known[name])
