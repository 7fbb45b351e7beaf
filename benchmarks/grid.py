"""Speed of a grid against its cells one by one: python -m benchmarks.grid.

Trains the same LeNet-5 cells on Fashion-MNIST by ``experiments.sweep``, by one fresh
``experiments.train`` after another, and by a pool of processes that call
``experiments.engine``, as joblib would; in turns, from the start of the command to the
results.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import cli, markdown, provenance
from experiments.config import Config, ConfigError
from experiments.configs.fashion_mnist_lenet5 import config as base
from experiments.engine import run
from experiments.partial import Partial
from experiments.run_folder import RunError, RunFolder, write_report
from experiments.sweep.strategy import STRATEGIES, Strategy
from experiments.sweep.workers import cores

_OTHERS = ("fresh processes", "pool of processes")


@dataclass(frozen=True)
class Grid:
    """Train the same cells as a grid, in fresh processes and in a pool.

    Attributes:
      cells: networks, which differ in the threshold of the neuron.
      epochs: epochs of each.
      limit: training and evaluation examples of each; 0 takes all.
      strategies: strategies of the grid, see experiments.sweep.
      rounds: how often everything is repeated.
      data_dir: where data sets are.
      out: JSON file to write; the page goes beside it.
    """

    cells: int = 8
    epochs: int = 1
    limit: int = 0
    strategies: tuple[Strategy, ...] = STRATEGIES
    rounds: int = 3
    data_dir: Path = Path(".data")
    out: Path = Path("docs/results/grid.json")


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, compares and writes the files."""
    with cli.one_line_errors():
        program = "python -m benchmarks.grid"
        options = cli.parse(Grid, argv, program)
        for name in ("cells", "epochs", "rounds"):
            if getattr(options, name) < 1:
                given = getattr(options, name)
                raise ConfigError(f"--{name} must be at least 1, got {given}")
        # Fresh means that nothing has been compiled before.
        os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
        partial = Partial(options.out, repr(dataclasses.replace(options, rounds=0)))
        result = {
            "command": cli.command(program, argv),
            **provenance.describe(),
            **{name: getattr(options, name) for name in ("cells", "epochs", "limit")},
            "cores": len(cores()),
            "seconds": measure(options, partial),
        }
        text = page(result)
        write_report(options.out, result, text)
        partial.remove()
        print(f"{text}\n{options.out.with_suffix('.md')}")


def measure(options: Grid, partial: Partial) -> dict[str, list[float]]:
    """Seconds of every way to train all cells, round by round.

    After the first round only the fastest strategy of the grid goes on.

    Args:
      options: what is trained.
      partial: what a killed command has measured.

    Returns:
      Seconds by way, in each round that it took part in.
    """
    configs = _configs(options)
    ways = [f"grid, {strategy}" for strategy in options.strategies]
    for number in range(options.rounds):
        for name in (*ways, *_OTHERS):
            if len(partial.done(name)) > number:
                continue
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                if name == _OTHERS[0]:
                    _fresh(configs, options.data_dir, Path(folder))
                elif name == _OTHERS[1]:
                    _pool(configs, options.data_dir, Path(folder))
                else:
                    _grid(configs, options, name.partition(", ")[2], Path(folder))
                partial.add(name, [time.perf_counter() - start])
        # A slow way of the grid is known to be slow after one round.
        ways = sorted(ways, key=lambda name: partial.done(name)[0])[:1]
    names = (*(f"grid, {strategy}" for strategy in options.strategies), *_OTHERS)
    return {name: partial.done(name)[: options.rounds] for name in names}


def _configs(options: Grid) -> list[Config]:
    whole = dataclasses.replace(base, epochs=options.epochs, limit=options.limit)
    steps = range(1, options.cells + 1)
    return [
        dataclasses.replace(whole, qif=whole.qif._replace(u_th=i / options.cells))
        for i in steps
    ]


def _grid(configs: list[Config], options: Grid, strategy: str, folder: Path) -> None:
    thresholds = ",".join(str(config.qif.u_th) for config in configs)
    grid = ["--grid", f"u_th={thresholds}", "--strategy", strategy]
    _command("experiments.sweep", configs[0], options.data_dir, folder, grid)


def _fresh(configs: list[Config], data_dir: Path, folder: Path) -> None:
    for i, config in enumerate(configs):
        value = ["--qif.u-th", str(config.qif.u_th)]
        _command("experiments.train", config, data_dir, folder / str(i), value)


def _command(
    module: str, config: Config, data_dir: Path, folder: Path, more: list[str]
) -> None:
    shared = ["--epochs", str(config.epochs), "--limit", str(config.limit)]
    place = ["--workdir", str(folder), "--data-dir", str(data_dir)]
    command = [sys.executable, "-m", module, config.name, *shared, *place, *more]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RunError(f"{module} has failed: {last.removeprefix('error: ')}")


def _pool(configs: list[Config], data_dir: Path, folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(len(cores()), context) as pool:
        jobs = [
            pool.submit(_train, config, folder / str(i), data_dir)
            for i, config in enumerate(configs)
        ]
        for job in jobs:
            job.result()


def _train(config: Config, folder: Path, data_dir: Path) -> None:
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), sys.stderr.fileno())  # the bars of all processes
        run(config, RunFolder(folder), data_dir, cli.layout("jit", None))


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    seconds: dict[str, list[float]] = result["seconds"]
    rows = []
    for name, mine in seconds.items():
        ratios = [
            [theirs / own for own, theirs in zip(mine, seconds[other], strict=False)]
            for other in _OTHERS
        ]
        rows.append(
            (
                name,
                f"{3600 * result['cells'] / statistics.median(mine):.1f}",
                *(f"{statistics.median(ratio):.2f}" for ratio in ratios),
                *(f"{min(ratio):.2f} to {max(ratio):.2f}" for ratio in ratios[:1]),
            )
        )
    head = ("way", "cells an hour", *(f"times the {name}" for name in _OTHERS))
    images = f"{result['limit']:,}" if result["limit"] else "all"
    return "\n".join(
        [
            "# A grid against its cells one by one",
            "",
            f"{result['cells']} cells of LeNet-5, QIF, on {images} images of "
            f"Fashion-MNIST, {result['epochs']} epoch(s), {result['cores']} core(s): "
            f"medians over {len(seconds[_OTHERS[0]])} round(s) in which the ways took "
            "turns, from the start of the command to the results; of the grid's "
            "strategies only the fastest took part in more than one. Fresh processes "
            "are one `experiments.train` after another; the pool has a process for "
            "each core, each of which calls `experiments.engine.run` for one cell "
            "after another. No compiled program is kept from one process to the next.",
            "",
            *markdown.table((*head, "range of the first ratio"), rows),
            "",
            markdown.made_by(result),
            "",
        ]
    )


if __name__ == "__main__":
    main()
