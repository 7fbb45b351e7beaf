"""qifjax and its peers at the same work: python -m benchmarks.peers.

Builds an environment for each peer, checks that all compute the same, then times them
in turns. The page beside the output says whether each requirement is met.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from benchmarks.peers import agreement, measure, summary
from benchmarks.peers.contestants import CONTESTANTS, OURS
from benchmarks.peers.field import Field
from benchmarks.peers.page import page
from benchmarks.peers.tasks import NETWORKS, TASKS
from experiments import cli, provenance
from experiments.partial import Partial
from experiments.run_folder import RunError, write_report
from qifjax import nn

SCHEMA_VERSION = 1

Name = Literal[
    "train-lenet5",
    "train-vggsnn",
    "train-resnet19",
    "neuron-2",
    "neuron-4",
    "neuron-10",
    "neuron-32",
    "infer-lenet5",
    "infer-vggsnn",
    "infer-resnet19",
    "start-lenet5",
    "start-vggsnn",
    "start-resnet19",
]
Peer = Literal[
    "torch-eager", "torch-compiled", "spikingjelly", "snntorch", "norse", "spyx"
]
Neuron = Literal["qif", "lif"]


@dataclass(frozen=True)
class Peers:
    """Time qifjax and its peers in turns, and write one page.

    What a killed command has measured is kept beside the output, and the same command
    goes on from there, also with other tasks or more rounds.

    Attributes:
      tasks: what to measure; start-NETWORK is the time to the first training step in a
        new process, and its memory.
      peers: whom to compare with.
      neurons: neuron models.
      rounds: turns of each contestant with each neuron model.
      starts: new processes of each contestant with each neuron model.
      remat: what qifjax computes again in the backward pass of training steps.
      environments: folder for virtual environments, hundreds of MB each.
      out: JSON file to write; the page goes beside it.
    """

    tasks: tuple[Name, ...] = get_args(Name)
    peers: tuple[Peer, ...] = get_args(Peer)
    neurons: tuple[Neuron, ...] = get_args(Neuron)
    rounds: int = 30
    starts: int = 3
    remat: nn.Remat = "none"
    environments: Path = Path(".venv-peers")
    out: Path = Path("docs/results/peers.json")


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints the page and writes the files."""
    with cli.one_line_errors():
        program = "python -m benchmarks.peers"
        options = cli.parse(Peers, argv, program)
        for name, least in (("rounds", 2), ("starts", 1)):
            if getattr(options, name) < least:
                given = getattr(options, name)
                raise RunError(f"--{name} must be at least {least}, got {given}")
        command = cli.command(program, argv)
        origin = provenance.describe()
        names, ours = (OURS, *options.peers), {OURS: (options.remat,)}
        with Field(names, options.environments, ours) as field:
            key = json.dumps([origin["git_commit"], field.versions, options.remat])
            partial = Partial(options.out, key)
            found = compare(field, options, partial)
        result = {
            "schema_version": SCHEMA_VERSION,
            "command": command,
            **origin,
            "remat": options.remat,
            **found,
        }
        text = page(result)
        write_report(options.out, result, text)
        partial.remove()
        print(f"{text}\n{options.out.with_suffix('.md')}")


def compare(field: Field, options: Peers, partial: Partial) -> dict[str, Any]:
    """Checks and measures everything.

    Args:
      field: the contestants.
      options: what to measure.
      partial: what has been measured so far.

    Returns:
      Plain values, see :mod:`benchmarks.peers.summary`.

    Raises:
      RunError: if contestants do not compute the same.
    """
    afresh = [task for task in options.tasks if task.startswith("start-")]
    timed = [task for task in options.tasks if task in TASKS]
    networks = [n for n in NETWORKS if any(t.endswith(n) for t in options.tasks)]
    agreed = agreement.check(field, options.neurons, networks)
    for task in timed:
        measure.take_turns(field, task, options.neurons, options.rounds, partial)
    trained = [task.replace("start", "train") for task in afresh]
    for task in trained:
        measure.start_afresh(field, task, options.neurons, options.starts, partial)
    parts = {
        part: partial.done(part)
        for task in (*timed, *(f"start {task}" for task in trained))
        for neuron in options.neurons
        for name in CONTESTANTS
        if partial.done(part := f"{task} {neuron} {name}")
    }
    turns = {part: s for part, s in parts.items() if not part.startswith("start ")}
    begun = {
        part.removeprefix("start "): numbers
        for part, numbers in parts.items()
        if part.startswith("start ")
    }
    return {
        "versions_of": field.versions,
        "left_out": field.left_out,
        "agreement": agreed,
        "rows": summary.rows(turns),
        "starts": summary.starts(begun),
        "qif_to_lif": summary.qif_to_lif(turns),
    }


if __name__ == "__main__":
    main()
