"""What the C library's allocator costs on CPU: python -m benchmarks.allocation.

A step of a network returns its working memory to the system and asks for it again in
the next step, where Linux clears it page by page of 4 KiB at the first touch. The GNU C
library can be told, before a process starts, to ask for pages of 2 MiB, of which there
are 512 times fewer, and to keep what is freed, in one heap for all threads. Processes
of a library with each of these settings take turns at the tasks of
:mod:`benchmarks.peers`.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.peers import measure
from benchmarks.peers.contestants import CONTESTANTS, OURS
from benchmarks.peers.field import Field
from benchmarks.peers.tasks import NEURONS
from experiments import cli, markdown, provenance
from experiments.latency import ratio_interval
from experiments.partial import Partial
from experiments.run_folder import RunError, write_report

_HUGE = "glibc.malloc.hugetlb=1"
_KEPT = (
    "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1099511627776:"
    "glibc.malloc.arena_max=1"
)
SETTINGS = {"huge": _HUGE, "kept": _KEPT, "both": f"{_HUGE}:{_KEPT}"}
"""What GLIBC_TUNABLES is set to, by how this module calls it."""

_HEADS = {"huge": "2 MiB pages", "kept": "freed memory kept", "both": "both"}
_SUPPORT = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_MEBIBYTE = 2**20

Name = Literal[
    "neuron-2",
    "neuron-4",
    "neuron-10",
    "neuron-32",
    "train-lenet5",
    "train-vggsnn",
    "train-resnet19",
    "start-lenet5",
    "start-vggsnn",
    "start-resnet19",
]
Library = Literal["qifjax", "torch-eager", "torch-compiled"]


@dataclass(frozen=True)
class Allocation:
    """Time tasks with each setting of the C library's allocator, and write one page.

    What a killed command has measured is kept beside the output, and the same command
    goes on from there.

    Attributes:
      tasks: what to measure; start-NETWORK is the time to the first training step in a
        new process, and its memory.
      libraries: whose processes.
      neurons: neuron models.
      rounds: turns of each process with each neuron model.
      starts: new processes with each neuron model.
      environments: folder for virtual environments of the peers.
      out: JSON file to write; the page goes beside it.
    """

    tasks: tuple[Name, ...] = (
        "neuron-2",
        "neuron-4",
        "neuron-10",
        "train-lenet5",
        "train-resnet19",
        "train-vggsnn",
    )
    libraries: tuple[Library, ...] = (OURS, "torch-eager")
    neurons: tuple[Literal["qif", "lif"], ...] = NEURONS
    rounds: int = 10
    starts: int = 1
    environments: Path = Path(".venv-peers")
    out: Path = Path("docs/results/allocation.json")


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints the page and writes the files."""
    with cli.one_line_errors():
        program = "python -m benchmarks.allocation"
        options = cli.parse(Allocation, argv, program)
        for name, least in (("rounds", 2), ("starts", 1)):
            given = getattr(options, name)
            if given < least:
                raise RunError(f"--{name} must be at least {least}, got {given}")
        if platform.libc_ver()[0] != "glibc":
            raise RunError("this machine has another C library than GNU's (glibc)")
        if not _SUPPORT.exists() or "[never]" in _SUPPORT.read_text():
            raise RunError(f"huge pages are switched off here: {_SUPPORT}")
        origin = provenance.describe()
        with Field(options.libraries, options.environments) as field:
            key = json.dumps([origin["git_commit"], field.versions])
            partial = Partial(options.out, key)
            names = list(field.workers)
            for name in names:
                for label, tunables in SETTINGS.items():
                    settings = {"GLIBC_TUNABLES": tunables}
                    field.join(f"{name}-{label}", name, settings)
            rows = [
                row
                for task in options.tasks
                for row in _measure(field, task, names, options, partial)
            ]
            result = {
                "command": cli.command(program, argv),
                **origin,
                "settings": SETTINGS,
                "versions_of": field.versions,
                "left_out": field.left_out,
                "rows": rows,
            }
        text = page(result)
        write_report(options.out, result, text)
        partial.remove()
        print(f"{text}\n{options.out.with_suffix('.md')}")


def _measure(field, task, names, options, partial):
    """Rows of one task, of the libraries that could do it with every setting."""
    if task.startswith("start-"):
        trained = task.replace("start", "train")
        measure.start_afresh(field, trained, options.neurons, options.starts, partial)
        prefix, make = f"start {trained}", started
    else:
        measure.take_turns(field, task, options.neurons, options.rounds, partial)
        prefix, make = task, timed
    for neuron in options.neurons:
        for name in names:
            labels = ("", *(f"-{label}" for label in SETTINGS))
            parts = [f"{prefix} {neuron} {name}{label}" for label in labels]
            if field.left_out.keys().isdisjoint(parts):
                numbers = [partial.done(part) for part in parts]
                yield {"task": task, "neuron": neuron, "library": name, **make(numbers)}


def timed(numbers: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Medians and ratios of the turns of one library at one task.

    Args:
      numbers: seconds of every turn, without a setting and with each.

    Returns:
      Seconds without, and by setting seconds and their ratio, without to with.
    """
    usual, *others = (np.asarray(seconds) for seconds in numbers)
    return {
        "rounds": len(usual),
        "seconds": float(np.median(usual)),
        **{
            label: {
                "seconds": float(np.median(seconds)),
                "ratio": float(np.median(usual) / np.median(seconds)),
                "ratio_interval": list(ratio_interval(usual, seconds)),
            }
            for label, seconds in zip(SETTINGS, others, strict=True)
        },
    }


def started(numbers: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Medians of the new processes of one library.

    Args:
      numbers: cold seconds, warm seconds and bytes of every start in turn, without a
        setting and with each.

    Returns:
      The medians ``[cold, warm, bytes]``, without and by setting.
    """
    usual, *others = (
        [float(median) for median in np.median(np.reshape(found, (-1, 3)), axis=0)]
        for found in numbers
    )
    return {
        "starts": len(numbers[0]) // 3,
        "usual": usual,
        **dict(zip(SETTINGS, others, strict=True)),
    }


def page(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    rows, starts = [], []
    for found in result["rows"]:
        title = CONTESTANTS[found["library"]].title
        named = (found["task"], found["neuron"].upper(), title)
        if "usual" in found:
            starts += [
                (*named, head, f"{cold:.1f}", f"{warm:.1f}", f"{size / _MEBIBYTE:,.0f}")
                for label, head in {"usual": "as it is", **_HEADS}.items()
                for cold, warm, size in [found[label]]
            ]
        else:
            rows.append(
                (
                    *named,
                    f"{1e3 * found['seconds']:.4g}",
                    *(_cell(found[label]) for label in SETTINGS),
                )
            )
    text = [
        "# The C library's allocator on CPU",
        "",
        "Tasks of [benchmarks/README.md](../../benchmarks/README.md) in processes that "
        "take turns: as they are, and with `GLIBC_TUNABLES` set to",
        "",
        *(f"- {_HEADS[name]}: `{value}`" for name, value in result["settings"].items()),
    ]
    if rows:
        head = ("task", "neuron", "library", "as it is, ms", *_HEADS.values())
        text += [
            "",
            "Medians in ms, and how many times faster, with the 95 % interval of the "
            "ratio:",
            "",
            *markdown.table(head, rows, left=3),
        ]
    if beside := _beside_ours(result["rows"]):
        head = ("task", "neuron", "library", "as it is", *_HEADS.values())
        text += [
            "",
            "How many times as long as qifjax it takes, both with the same setting:",
            "",
            *markdown.table(head, beside, left=3),
        ]
    if starts:
        head = ("task", "neuron", "library", "allocator")
        numbers = ("cold cache, s", "warm cache, s", "peak memory, MiB")
        text += [
            "",
            "The first step of a new process, and its memory:",
            "",
            *markdown.table((*head, *numbers), starts, left=4),
        ]
    return "\n".join([*text, "", markdown.made_by(result), ""])


def _beside_ours(rows):
    """Ratios of medians, every other library to qifjax."""
    medians = {
        (found["task"], found["neuron"], found["library"]): [
            found["seconds"],
            *(found[label]["seconds"] for label in SETTINGS),
        ]
        for found in rows
        if "seconds" in found
    }
    return [
        (
            *(task, neuron.upper(), CONTESTANTS[name].title),
            *(f"{theirs / ours:.2f}" for theirs, ours in zip(other, own, strict=True)),
        )
        for (task, neuron, name), other in medians.items()
        if name != OURS and (own := medians.get((task, neuron, OURS)))
    ]


def _cell(found):
    low, high = found["ratio_interval"]
    seconds, ratio = found["seconds"], found["ratio"]
    return f"{1e3 * seconds:.4g}: {ratio:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
