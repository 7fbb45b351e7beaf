"""Trains a grid of networks: python -m experiments.sweep CONFIG --grid AXES."""

import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tqdm
import tyro

from experiments import cli, duration, provenance
from experiments.config import Config, ConfigError
from experiments.figures import heatmaps
from experiments.run_folder import write_report, write_text
from experiments.sweep import cells as trainer
from experiments.sweep import table, workers
from experiments.sweep.axes import MOST_CELLS, Cell, cells, count, parse
from experiments.sweep.store import Store, shared
from experiments.sweep.strategy import OPERATIONS, Strategy, choose, guess

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Sweep:
    """Train a network for every cell of a grid of hyper-parameters, and compare them.

    CONFIG is the name of a file in experiments/configs; options replace its values.
    Finished cells are kept, a line each, and are never trained again: a command that
    was killed goes on, also with more cells.

    Attributes:
      config: the configuration of all cells.
      grid: the axes, as "a=0.2:1.0:0.2 u_th=0.5,1.0": parameters of the neuron,
        learning_rate, weight_decay.
      seeds: networks a cell, counted from --seed.
      sample: "random:N" or "sobol:N" trains N points between the ends of the axes.
      strategy: "processes" trains the cells one after another in a process for each
        core, "map" in one process, "vmap" a chunk at once on each device; "auto" takes
        the last on accelerators, and on CPUs what a trial of a few steps finds fastest
        ("processes" where there are less than eight cells). Strategies agree up to
        rounding, and each of the first two trains a cell exactly as if it were alone.
      chunk: cells a device at a time, for "vmap"; 0 takes as many as fit into memory.
        What is not finished with its chunk is lost when the command is killed.
      top: how many of the best cells to show.
      yes: train more than ten thousand networks.
      workdir: folder of the finished cells; by default runs/NAME-sweep-NEURON.
      data_dir: where data sets are.
      out: JSON file to write; page, CSV and figure go beside it. By default in the
        workdir.
    """

    config: Annotated[Config, tyro.conf.arg(name="")]
    grid: str = ""
    seeds: int = 1
    sample: str = ""
    strategy: Literal["auto"] | Strategy = "auto"
    chunk: int = 0
    top: int = 10
    yes: bool = False
    workdir: Path | None = None
    data_dir: Path = Path(".data")
    out: Path | None = field(default=None, metadata={"ending": ".json"})


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.sweep"
        options = cli.parse_with_config(Sweep, argv, program)
        cli.start_quickly()
        for name, least in (("seeds", 1), ("chunk", 0), ("top", 1)):
            if getattr(options, name) < least:
                given = getattr(options, name)
                raise ConfigError(f"--{name} must be at least {least}, got {given}")
        base = options.config
        if base.epochs < 1:
            raise ConfigError("--epochs must be at least 1, got 0")
        axes = parse(options.grid, base)
        number = count(axes, options.seeds, options.sample)
        if number > MOST_CELLS and not options.yes:
            about = duration.text(number * guess(base, options.data_dir))
            raise ConfigError(
                f"--grid has {number:,} networks, more than {MOST_CELLS:,}: about "
                f"{about} at {OPERATIONS:.0e} operations a second, which two CPU cores "
                "manage; if that is meant, add --yes"
            )
        wanted = cells(base, axes, options.seeds, options.sample)
        workdir = options.workdir or Path("runs") / f"{base.name}-sweep-{base.neuron}"
        command = cli.command(program, argv)
        try:
            _train(options, wanted, workdir)
        except KeyboardInterrupt:
            print(f"stopped; finished cells are kept; go on with: {command}")
            # What follows in a script needs the table of all cells.
            raise SystemExit(128 + signal.SIGINT) from None
        _report(options, wanted, workdir, command)


def _missing(store: Store, wanted: Sequence[Cell]) -> list[Cell]:
    known = store.rows()
    return [cell for cell in wanted if store.identity(cell) not in known]


def _train(options: Sweep, wanted: Sequence[Cell], workdir: Path) -> None:
    """Trains the cells that are not finished, and shows the time left."""
    base, data_dir = options.config, options.data_dir
    store = Store(workdir, base)
    missing = _missing(store, wanted)
    if not missing:
        return
    chunk = options.chunk or None
    strategy = options.strategy
    if strategy == "auto":
        strategy, seconds = choose(base, missing, data_dir, chunk)
        if seconds:
            print(_choice(strategy, seconds, len(missing)))
    total = len(wanted)
    with tqdm.tqdm(total=total, initial=total - len(missing), unit="cell") as bar:
        if strategy != "processes":
            for cell, row in trainer.train(base, missing, data_dir, strategy, chunk):
                store.add(cell, row)
                bar.update()
            return

        def watch() -> None:
            if new := total - len(_missing(store, wanted)) - bar.n:
                bar.update(new)
            elif sys.stderr.isatty():
                # The time that has passed is news as well, but not in a file.
                bar.refresh()

        number = len(workers.cores())
        shares = [
            (base, missing[k::number], data_dir, workdir, f"-{k + 1}-of-{number}")
            for k in range(number)
        ]
        workers.on_every_core(trainer.train_share, shares, watch)


def _choice(strategy: Strategy, seconds: dict[Strategy, float], cells: int) -> str:
    """What a trial has found, in a line."""
    rates = ", ".join(f"{name} {3600 / each:.3g}" for name, each in seconds.items())
    about = duration.text(cells * seconds[strategy])
    return f"cells an hour: {rates}; {strategy} takes about {about} for {cells} cells"


def _report(
    options: Sweep, wanted: Sequence[Cell], workdir: Path, command: str
) -> None:
    base = options.config
    store = Store(workdir, base)
    known = store.rows()
    rows = [known[store.identity(cell)] for cell in wanted]
    report = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        **provenance.describe(),
        "config": shared(base),
        "learning_rate": base.neuron_learning_rate,
        "sample": options.sample,
        "seeds": options.seeds,
        "top": options.top,
        **table.tabulate(base, wanted, rows),
    }
    if "learning_rate" in report["axes"]:
        del report["learning_rate"]
    out = options.out or workdir / "sweep.json"
    figure = out.with_suffix(".png")
    text = table.page(report, figure.name)
    write_report(out, report, text)
    write_text(out.with_suffix(".csv"), table.to_csv(report))
    heatmaps.draw(report, figure)
    print(f"{text}\n{out.with_suffix('.md')}")


if __name__ == "__main__":
    main()
