"""What huge pages do for libraries on CPU: python -m benchmarks.huge_pages.

A step of a network returns its working memory to the system and asks for it again in
the next step, where Linux clears it page by page of 4 KiB at the first touch. With
``GLIBC_TUNABLES=glibc.malloc.hugetlb=1`` the C library asks for pages of 2 MiB, of
which there are 512 times fewer. Both processes of a library, with and without, take
turns at the tasks of :mod:`benchmarks.peers`.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.peers.contestants import CONTESTANTS, OURS
from benchmarks.peers.field import Field
from benchmarks.peers.tasks import NEURONS
from benchmarks.peers.worker import Worker
from experiments import cli, markdown, provenance
from experiments.latency import ratio_interval
from experiments.partial import Partial
from experiments.run_folder import RunError, write_report

HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
SUPPORT = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_WARM_UP = 2

Name = Literal["neuron-4", "neuron-10", "train-lenet5", "train-resnet19"]


@dataclass(frozen=True)
class HugePages:
    """Time tasks with memory in pages of 4 KiB and of 2 MiB, and write one page.

    What a killed command has measured is kept beside the output, and the same command
    goes on from there.

    Attributes:
      tasks: what to measure.
      libraries: whose processes.
      rounds: turns of each process with each neuron model.
      environments: folder for virtual environments of the peers.
      out: JSON file to write; the page goes beside it.
    """

    tasks: tuple[Name, ...] = (
        "neuron-4",
        "neuron-10",
        "train-lenet5",
        "train-resnet19",
    )
    libraries: tuple[Literal["qifjax", "torch-eager", "torch-compiled"], ...] = (
        OURS,
        "torch-eager",
    )
    rounds: int = 10
    environments: Path = Path(".venv-peers")
    out: Path = Path("docs/results/huge_pages.json")


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints the page and writes the files."""
    with cli.one_line_errors():
        options = cli.parse(HugePages, argv, "python -m benchmarks.huge_pages")
        if options.rounds < 2:
            raise RunError(f"--rounds must be at least 2, got {options.rounds}")
        if not SUPPORT.exists() or "[never]" in SUPPORT.read_text():
            raise RunError(f"huge pages are switched off here: {SUPPORT}")
        origin = provenance.describe()
        with Field(options.libraries, options.environments) as field:
            key = json.dumps([origin["git_commit"], field.versions])
            partial = Partial(options.out, key)
            for name in field.workers:
                with field.start(name, HUGE) as huge:
                    workers = {"small": field.workers[name], "huge": huge}
                    for task in options.tasks:
                        take_turns(workers, name, task, options.rounds, partial)
            result = {
                "command": cli.command("python -m benchmarks.huge_pages", argv),
                **origin,
                "versions_of": field.versions,
                "left_out": field.left_out,
                "rows": [
                    row(partial, name, task, neuron)
                    for name in field.workers
                    for task in options.tasks
                    for neuron in NEURONS
                ],
            }
        text = page(result)
        write_report(options.out, result, text)
        partial.remove()
        print(f"{text}\n{options.out.with_suffix('.md')}")


def take_turns(
    workers: Mapping[str, Worker],
    name: str,
    task: str,
    rounds: int,
    partial: Partial,
) -> None:
    """Times one task of one library, small and huge pages in turns.

    Args:
      workers: its processes, ``small`` and ``huge``.
      name: the library.
      task: name of the task.
      rounds: turns of each process with each neuron model.
      partial: gets the seconds, in parts ``NAME TASK NEURON PAGES``.

    Raises:
      PeerError: if a process cannot do its work.
    """
    print(f"{task}, {name}", file=sys.stderr)
    for neuron in NEURONS:
        parts = {pages: f"{name} {task} {neuron} {pages}" for pages in workers}
        if all(len(partial.done(part)) >= rounds for part in parts.values()):
            continue
        for worker in workers.values():
            worker.ask("prepare", task=task, neuron=neuron, warm_up=_WARM_UP)
        for number in range(rounds):
            for pages, worker in workers.items():
                # A killed command has left one of them a round ahead.
                if len(partial.done(parts[pages])) <= number:
                    seconds = worker.ask("run", task=task, neuron=neuron)
                    partial.add(parts[pages], [seconds])
        for worker in workers.values():
            worker.ask("drop")


def row(partial: Partial, name: str, task: str, neuron: str) -> dict[str, Any]:
    """Medians of one library at one task, and the ratio, small to huge pages."""
    small, huge = (
        np.asarray(partial.done(f"{name} {task} {neuron} {pages}"))
        for pages in ("small", "huge")
    )
    return {
        "library": name,
        "task": task,
        "neuron": neuron,
        "rounds": len(small),
        "small_seconds": float(np.median(small)),
        "huge_seconds": float(np.median(huge)),
        "ratio": float(np.median(small) / np.median(huge)),
        "ratio_interval": list(ratio_interval(small, huge)),
    }


def page(result: Mapping[str, Any]) -> str:
    """The result as Markdown."""
    rows = []
    for found in result["rows"]:
        low, high = found["ratio_interval"]
        rows.append(
            (
                *(found["task"], found["neuron"].upper()),
                CONTESTANTS[found["library"]].title,
                f"{1e3 * found['small_seconds']:.4g}",
                f"{1e3 * found['huge_seconds']:.4g}",
                f"{found['ratio']:.2f} ({low:.2f} to {high:.2f})",
            )
        )
    head = ("task", "neuron", "library", "4 KiB pages, ms", "2 MiB pages, ms")
    return "\n".join(
        [
            "# Memory in huge pages on CPU",
            "",
            "Medians of the tasks of [benchmarks/README.md](../../benchmarks/README.md)"
            " in two processes in turns, as they are and with "
            "`GLIBC_TUNABLES=glibc.malloc.hugetlb=1`; ratio of the medians with its "
            "95 % interval: above 1, huge pages are faster.",
            "",
            *markdown.table((*head, "ratio (95 %)"), rows, left=3),
            "",
            markdown.made_by(result),
            "",
        ]
    )


if __name__ == "__main__":
    main()
