"""Does a network use time?: python -m experiments.temporal RUN [RUN ...] [options]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import cli, markdown, provenance, result, trained
from experiments.run_folder import RunError, write_report
from qifjax.training import Examples

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Temporal:
    """Tell what the time steps of trained networks add.

    For each run: how many spikes differ from the step before, in every layer, and what
    accuracy and energy are when the network is read after its first steps alone.

    Attributes:
      runs: folders of finished runs.
      steps: how many steps to read at most; by default as many as in training. Static
        images can be shown for longer, recordings end.
      data_dir: where data sets are.
      out: JSON file to write; the page goes beside it.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    steps: int | None = None
    data_dir: Path = Path(".data")
    out: Path = Path("runs/temporal.json")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.temporal"
        options = cli.parse(Temporal, argv, program)
        if not options.runs:
            raise RunError(f"{program} needs the folders of one or more finished runs")
        audits = [audit(run, options.data_dir, options.steps) for run in options.runs]
        report = {
            "schema_version": SCHEMA_VERSION,
            "command": cli.command(program, argv),
            **provenance.describe(),
            "runs": audits,
        }
        write_report(options.out, report, page(report))
        print(options.out.with_suffix(".md"))


def audit(run: Path, data_dir: Path, steps: int | None) -> dict[str, Any]:
    """What time adds in one trained network.

    Args:
      run: folder of the run.
      data_dir: where data sets are.
      steps: how many steps to read; None takes those of the training.

    Returns:
      Plain values: ``changes`` by layer, and one entry for each number of steps read.

    Raises:
      RunError: if the recordings have not so many steps, or ``steps`` is not positive.
    """
    network = trained.load(run, data_dir)
    recorded = network.experiment.evaluation.inputs.ndim == 5
    known = network.experiment.timesteps
    steps = known if steps is None else steps
    if not 1 <= steps <= (known if recorded else steps):
        most = f" and at most the {known} of the recordings" if recorded else ""
        raise RunError(f"--steps must be at least 1{most}, got {steps}")
    reads = []
    for count in range(1, steps + 1):
        first = network.first(count)
        reads.append({"steps": count, **_scores(first)})
    # A change needs two steps to be seen.
    changes = _changes(network.first(max(2, min(steps, known))))
    return {
        "run": network.name,
        "trained_steps": known,
        "changes": changes,
        "reads": reads,
    }


def _scores(network: trained.Trained) -> dict[str, float]:
    found = result.scores(network.config, network.experiment, network.evaluate())
    return {
        "accuracy": found[network.config.evaluate_on]["accuracy"],
        "energy_mj": found["total_energy_mj"],
        "mean_firing_rate": found["mean_firing_rate"],
    }


def _changes(network: trained.Trained) -> dict[str, float]:
    """Share of spikes that differ from the step before, by layer."""
    experiment = network.experiment
    few = Examples.of(experiment.evaluation.spread(256))
    statistics = network.populations(few)
    return {name: float(found.changes) for name, found in statistics.items()}


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [
        "# What time steps add",
        "",
        "Each network is read after its first steps alone: accuracy of the mean "
        "output of these steps, and energy by eq. 17 for as many steps. *Changes* is "
        "the share of spikes that differ from the step before, per layer, on 256 "
        "examples at equal distances. Nothing is trained again.",
        "",
    ]
    for run in report["runs"]:
        whole = run["reads"][-1]
        rows = [
            (
                str(read["steps"]),
                f"{100 * read['accuracy']:.2f}",
                f"{100 * (read['accuracy'] - whole['accuracy']):+.2f}",
                f"{1000 * read['energy_mj']:.4f}",
                f"{100 * read['mean_firing_rate']:.2f}",
            )
            for read in run["reads"]
        ]
        head = ("steps read", "accuracy, %", "against all, points", "energy, µJ")
        lines += [
            f"## {run['run']}",
            "",
            f"Trained with T = {run['trained_steps']}.",
            "",
            *markdown.table((*head, "firing rate, %"), rows, left=0),
            "",
            *markdown.table(
                ("layer", "changes, %"),
                [(name, f"{100 * c:.3f}") for name, c in run["changes"].items()],
            ),
            "",
            *_verdict(run),
        ]
    return "\n".join([*lines, markdown.made_by(report), ""])


def _verdict(run: dict[str, Any]) -> list[str]:
    """What the first step alone is worth."""
    first, whole = run["reads"][0], run["reads"][-1]
    if first is whole:
        return []
    points = 100 * (first["accuracy"] - whole["accuracy"])
    return [
        f"The first step alone has {points:+.2f} points of accuracy at "
        f"{first['energy_mj'] / whole['energy_mj']:.2f} of the energy; at most "
        f"{100 * max(run['changes'].values()):.2f} % of the spikes of a layer differ "
        "from the step before.",
        "",
    ]


if __name__ == "__main__":
    main()
