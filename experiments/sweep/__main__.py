"""Trains a grid of networks: python -m experiments.sweep CONFIG --grid AXES."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import tqdm
import tyro

from experiments import cli, provenance
from experiments.config import Config, ConfigError
from experiments.figures import heatmaps
from experiments.run_folder import RunError, write_report, write_text
from experiments.sweep import cells as trainer
from experiments.sweep import table
from experiments.sweep.axes import Cell, cells, parse
from experiments.sweep.store import Store
from qifjax.grid import Strategy

SCHEMA_VERSION = 1


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
        the first on CPUs, where it is the fastest, and the last on accelerators.
      chunk: cells a device at a time, for "vmap".
      top: how many of the best cells to show.
      yes: train more than ten thousand networks.
      workdir: folder of the finished cells; by default runs/NAME-sweep-NEURON.
      data_dir: where data sets are.
      out: JSON file to write; page, CSV and figure go beside it. By default in the
        workdir.
      share: which part of the cells this process trains, as "1/2"; the command gives
        it to the processes that it starts.
    """

    config: Annotated[Config, tyro.conf.arg(name="")]
    grid: str = ""
    seeds: int = 1
    sample: str = ""
    strategy: Literal["auto", "map", "vmap", "processes"] = "auto"
    chunk: int = 8
    top: int = 10
    yes: bool = False
    workdir: Path | None = None
    data_dir: Path = Path(".data")
    out: Path | None = None
    share: str = ""


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.sweep"
        options = cli.parse_with_config(Sweep, argv, program)
        for name in ("seeds", "chunk", "top"):
            if getattr(options, name) < 1:
                given = getattr(options, name)
                raise ConfigError(f"--{name} must be at least 1, got {given}")
        base = options.config
        axes = parse(options.grid, base)
        wanted = cells(base, axes, options.seeds, options.sample, many=options.yes)
        workdir = options.workdir or Path("runs") / f"{base.name}-sweep-{base.neuron}"
        if options.share:
            _train_share(options, wanted, workdir)
            return
        command = shlex.join([*program.split(), *cli.arguments(argv)])
        try:
            _train(options, wanted, workdir, cli.arguments(argv))
        except KeyboardInterrupt:
            print(f"stopped; finished cells are kept; go on with: {command}")
            return
        _report(options, wanted, workdir, command)


def _missing(store: Store, wanted: Sequence[Cell]) -> list[Cell]:
    known = store.rows()
    return [cell for cell in wanted if store.identity(cell) not in known]


def _train(
    options: Sweep, wanted: Sequence[Cell], workdir: Path, arguments: list[str]
) -> None:
    """Trains the cells that are not finished, and shows the time left."""
    store = Store(workdir, options.config)
    missing = _missing(store, wanted)
    total = len(wanted)
    with tqdm.tqdm(total=total, initial=total - len(missing), unit="cell") as bar:
        if not missing:
            return
        strategy, cores = options.strategy, sorted(os.sched_getaffinity(0))
        if strategy == "auto":
            on_cpu = jax.default_backend() == "cpu"
            strategy = "processes" if on_cpu else "vmap"
        if strategy != "processes" or len(cores) == 1:
            kind: Strategy = "vmap" if strategy == "vmap" else "map"
            chunk = options.chunk if kind == "vmap" else 1
            rows = trainer.train(options.config, missing, options.data_dir, kind, chunk)
            for cell, row in rows:
                store.add(cell, row)
                bar.update()
            return
        _train_in_processes(store, wanted, arguments, len(cores), bar)


def _train_in_processes(
    store: Store, wanted: Sequence[Cell], arguments: list[str], number: int, bar: Any
) -> None:
    """One process a core, each with its share of the cells."""
    command = [sys.executable, "-m", "experiments.sweep", *arguments, "--share"]
    children = [
        subprocess.Popen(
            [*command, f"{k + 1}/{number}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for k in range(number)
    ]
    try:
        while any(child.poll() is None for child in children):
            time.sleep(1)
            bar.update(len(wanted) - len(_missing(store, wanted)) - bar.n)
            # Where nothing has come, the time that has passed is still news.
            bar.refresh()
    finally:
        for child in children:
            child.terminate()
    for child in children:
        _, errors = child.communicate()
        if child.returncode:
            last = (errors.strip().splitlines() or ["no message"])[-1]
            raise RunError(
                f"a process of the sweep has failed: {last.removeprefix('error: ')}"
            )


def _train_share(options: Sweep, wanted: Sequence[Cell], workdir: Path) -> None:
    """Trains every so manieth cell on a core of its own."""
    number, _, of = options.share.partition("/")
    if not (number.isdigit() and of.isdigit() and 0 < int(number) <= int(of)):
        raise ConfigError(f"--share must be K/N with K up to N, got {options.share!r}")
    cores = sorted(os.sched_getaffinity(0))
    # Before JAX makes its threads, of which it takes one for each core that it may use.
    os.sched_setaffinity(0, {cores[(int(number) - 1) % len(cores)]})
    store = Store(workdir, options.config, f"-{number}-of-{of}")
    mine = _missing(store, wanted[int(number) - 1 :: int(of)])
    if mine:
        for cell, row in trainer.train(
            options.config, mine, options.data_dir, "map", 1
        ):
            store.add(cell, row)


def _report(
    options: Sweep, wanted: Sequence[Cell], workdir: Path, command: str
) -> None:
    store = Store(workdir, options.config)
    known = store.rows()
    rows = [known[store.identity(cell)] for cell in wanted]
    report = {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        **provenance.describe(),
        "name": options.config.name,
        "neuron": options.config.neuron,
        "epochs": options.config.epochs,
        "seeds": options.seeds,
        "top": options.top,
        **table.tabulate(options.config, wanted, rows),
    }
    out = options.out or workdir / "sweep.json"
    figure = out.with_suffix(".png")
    heatmaps.draw(report, figure)
    text = table.page(report, figure.name)
    write_report(out, report, text)
    write_text(out.with_suffix(".csv"), table.to_csv(report))
    print(f"{text}\n{out.with_suffix('.md')}")


if __name__ == "__main__":
    main()
