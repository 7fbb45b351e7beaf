"""Plants faults into real runs: python -m experiments.faults [options]."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from experiments import cli, provenance
from experiments.faults import damages, page, refusals, signals
from experiments.faults.journal import Journal
from experiments.faults.subject import Subject, raw
from experiments.run_folder import write_json, write_text
from qifjax.checkpoint import Checkpoints


@dataclass(frozen=True)
class Faults:
    """Plant faults into real runs, and write down what each of them ends in.

    A script that is stopped goes on where it was. Exit code 1 says that a fault did
    harm.

    Attributes:
      out: Markdown file of the table; all observations are beside it as JSON.
      workdir: folder of the runs.
      kills: number of kill -9.
      signals: number of SIGTERM.
      damages: number of damaged checkpoints.
      refusals: number of each fault that a run cannot go on with.
      seed: seed of all random moments and places.
    """

    out: Path = Path("docs/results/reliability.md")
    workdir: Path = Path("runs/faults")
    kills: int = 20
    signals: int = 5
    damages: int = 40
    refusals: int = 2
    seed: int = 0


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.faults"
        options = cli.parse(Faults, argv, program)
        workdir = options.workdir.absolute()
        workdir.mkdir(parents=True, exist_ok=True)
        origin = provenance.describe()
        settings = {"seed": options.seed, "git_commit": origin["git_commit"]}
        journal = Journal(workdir / "journal.json", settings)
        observe(options, Subject(workdir), journal)
        seen = {fault: journal[fault] for fault in page.FAULTS}
        seen = json.loads(json.dumps(seen).replace(str(workdir), "WORKDIR"))
        command = cli.command(program, argv)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        content = {"command": command, **origin, "faults": seen}
        write_json(options.out.with_suffix(".json"), content)
        write_text(options.out, page.render(seen, command, origin))
        print(options.out)
        if not all(one["passed"] for ones in seen.values() for one in ones):
            raise SystemExit(1)


def observe(options: Faults, subject: Subject, journal: Journal) -> None:
    """Plants every fault as often as asked."""
    seed = options.seed
    undisturbed = Checkpoints(subject.undisturbed().checkpoints)
    like = raw(undisturbed.path(undisturbed.steps()[-1]))
    restore = partial(
        damages.restore_damaged, undisturbed, like, subject.workdir / "damaged", seed
    )
    journal.observe(page.DAMAGED, options.damages, restore)
    for fault, plant in (
        (page.FILE_SIZE, refusals.file_size),
        (page.NAN, refusals.nan),
        (page.MISSING, refusals.missing_data),
    ):
        journal.observe(fault, options.refusals, partial(plant, subject, seed))
    for fault, ends, number, send, name in (
        (page.KILLED, page.KILLED_END, options.kills, signals.kill, "killed"),
        (page.ASKED, page.ASKED_END, options.signals, signals.terminate, "asked"),
    ):
        journal.observe(fault, number, partial(send, subject, seed))
        number = len(signals.runs(subject, name))
        journal.observe(ends, number, partial(signals.finish, subject, name))


if __name__ == "__main__":
    main()
