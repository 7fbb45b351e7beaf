"""What huge pages do for libraries on CPU: python -m benchmarks.huge_pages.

A step of a network returns its working memory to the system and asks for it again in
the next step, where Linux clears it page by page of 4 KiB at the first touch. With
``GLIBC_TUNABLES=glibc.malloc.hugetlb=1`` the C library asks for pages of 2 MiB, of
which there are 512 times fewer. Both processes of a library, with and without, take
turns at the tasks of :mod:`benchmarks.peers`.
"""

import json
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

HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
SUPPORT = Path("/sys/kernel/mm/transparent_hugepage/enabled")

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
            names = list(field.workers)
            for name in names:
                field.join(f"{name}-huge", name, HUGE)
            for task in options.tasks:
                measure.take_turns(field, task, NEURONS, options.rounds, partial)
            result = {
                "command": cli.command("python -m benchmarks.huge_pages", argv),
                **origin,
                "versions_of": field.versions,
                "left_out": field.left_out,
                "rows": [
                    row(partial, name, task, neuron)
                    for name in names
                    for task in options.tasks
                    for neuron in NEURONS
                    if field.left_out.keys().isdisjoint(parts(name, task, neuron))
                ],
            }
        text = page(result)
        write_report(options.out, result, text)
        partial.remove()
        print(f"{text}\n{options.out.with_suffix('.md')}")


def parts(name: str, task: str, neuron: str) -> tuple[str, str]:
    """Names of what is measured of one library at one task, small and huge pages."""
    return f"{task} {neuron} {name}", f"{task} {neuron} {name}-huge"


def row(partial: Partial, name: str, task: str, neuron: str) -> dict[str, Any]:
    """Medians of one library at one task, and the ratio, small to huge pages."""
    small, huge = (np.asarray(partial.done(part)) for part in parts(name, task, neuron))
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
