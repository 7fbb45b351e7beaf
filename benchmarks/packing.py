"""What do shortened states cost a run that is cut?: python -m benchmarks.packing.

Trains LeNet-5 with SGD on a part of Fashion-MNIST, uncut and cut after every epoch,
where each piece goes on from the packed state of the one before, in a new folder; for
every format of ``--pack-format`` and several seeds.
"""

import contextlib
import json
import signal
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

from experiments import cli, markdown, provenance
from experiments.comparison import spread
from experiments.config import Config
from experiments.configs.fashion_mnist_lenet5 import config as base
from experiments.engine import run
from experiments.interruption import Interrupted
from experiments.packed_state import Format, PackedState
from experiments.partial import Partial
from experiments.run_folder import RunError, RunFolder, write_report

_FORMATS: tuple[Format | None, ...] = (None, *get_args(Format))
"""None stands for the uncut run."""


class Measured(NamedTuple):
    """What a run has given.

    Attributes:
      pieces: of how many pieces it was.
      bytes: size of the packed state; 0 for the uncut run, which packs none.
      accuracy: share of right predictions on the test images, after the last epoch.
      loss: mean cross-entropy on them, in nats.
    """

    pieces: float
    bytes: float
    accuracy: float
    loss: float


@dataclass(frozen=True)
class Packing:
    """Train in pieces that go on from packed states, and compare with uncut runs.

    Attributes:
      epochs: epochs to train, which is also the number of pieces.
      limit: training examples, and evaluation examples.
      learning_rate: learning rate of SGD with a momentum of 0.9.
      seeds: number of seeds, from 0.
      data_dir: where data sets are.
      out: JSON file to write; the page goes beside it.
    """

    epochs: int = 5
    limit: int = 10_000
    learning_rate: float = 0.05
    seeds: int = 3
    data_dir: Path = Path(".data")
    out: Path = Path("docs/results/packing.json")


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, compares and writes the files."""
    with cli.one_line_errors():
        program = "python -m benchmarks.packing"
        options = cli.parse(Packing, argv, program)
        if options.seeds < 1:
            raise RunError(f"--seeds must be at least 1, got {options.seeds}")
        config = replace(
            base,
            optimizer="sgd",
            learning_rate=options.learning_rate,
            epochs=options.epochs,
            limit=options.limit,
        )
        partial = Partial(options.out, json.dumps(config.to_json()))
        result = {
            "command": cli.command(program, argv),
            **provenance.describe(),
            "epochs": options.epochs,
            "limit": options.limit,
            "runs": measure(config, options, partial),
        }
        write_report(options.out, result, page(result))
        partial.remove()
        print(options.out.with_suffix(".md"))


def measure(config: Config, options: Packing, partial: Partial) -> list[dict[str, Any]]:
    """Pieces, bytes and scores of every run.

    Args:
      config: what to train.
      options: the seeds, and where data sets are.
      partial: the runs that a killed command has finished.

    Returns:
      Plain values, run by run.
    """
    rows = []
    for seed in range(options.seeds):
        for format in _FORMATS:
            part = f"{format or 'uncut'} {seed}"
            if not partial.done(part):
                with tempfile.TemporaryDirectory() as folder:
                    mine = replace(config, seed=seed)
                    found = train(mine, format, options.data_dir, Path(folder))
                partial.add(part, found)
            numbers = zip(Measured._fields, partial.done(part), strict=True)
            rows.append({"format": format, "seed": seed, **dict(numbers)})
    return rows


def train(
    config: Config, format: Format | None, data_dir: Path, folder: Path
) -> Measured:
    """Trains one network, uncut or in pieces of an epoch.

    Args:
      config: what to train.
      format: how states are packed; None does not cut.
      data_dir: where data sets are.
      folder: an empty folder.

    Returns:
      What it has given.
    """
    layout = cli.layout("jit", None)
    if format is None:
        scores = run(config, RunFolder(folder / "run"), data_dir, layout)["test"]
        return Measured(1, 0, scores["accuracy"], scores["loss"])
    pack = PackedState(folder / "pack", format)
    pieces, result = 0, None
    while result is None:
        pieces += 1
        workdir = RunFolder(folder / f"piece-{pieces}")
        with contextlib.suppress(Interrupted):
            result = run(
                config, workdir, data_dir, layout, pack=pack, on_epoch=_ask_to_stop
            )
    size = sum(part.stat().st_size for part in pack.folder.glob("part-*"))
    return Measured(pieces, size, result["test"]["accuracy"], result["test"]["loss"])


def _ask_to_stop(_: dict[str, Any]) -> None:
    signal.raise_signal(signal.SIGTERM)


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    runs = result["runs"]
    uncut = {run["seed"]: run for run in runs if run["format"] is None}
    rows = []
    for name in _FORMATS:
        mine = [run for run in runs if run["format"] == name]
        apart = [run["accuracy"] - uncut[run["seed"]]["accuracy"] for run in mine]
        size = mine[0]["bytes"]
        rows.append(
            (
                name or "uncut",
                f"{mine[0]['pieces']:.0f}",
                f"{size / 2**20:.2f}" if size else "",
                spread([run["accuracy"] for run in mine]).format(".2f", 100),
                spread(apart).format(".2f", 100),
                f"{statistics.mean(run['loss'] for run in mine):.4f}",
            )
        )
    head = (
        *("--pack-format", "pieces", "packed state, MiB"),
        *("accuracy, %", "from uncut, points", "loss"),
    )
    return "\n".join(
        [
            "# What shortened states cost",
            "",
            f"LeNet-5 of QIF neurons on {result['limit']:,} images of Fashion-MNIST, "
            f"SGD, {result['epochs']} epochs, uncut and cut after every epoch. Each "
            "piece goes on from the packed state of the one before. Mean ± sample "
            f"standard deviation over {len(uncut)} seed(s), on as many test images; "
            "differences are of the same seed.",
            "",
            *markdown.table(head, rows, left=1),
            "",
            markdown.made_by(result),
            "",
        ]
    )


if __name__ == "__main__":
    main()
