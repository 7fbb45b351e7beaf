"""What do shortened states cost a run that is cut?: python -m benchmarks.packing.

Trains LeNet-5 with SGD on a part of Fashion-MNIST, uncut and cut after every epoch,
where each piece goes on from the packed state of the one before, in a new folder; for
every format of ``--pack-format`` and several seeds.
"""

import shutil
import signal
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from experiments import cli, markdown, provenance
from experiments.comparison import spread
from experiments.config import Config
from experiments.configs.fashion_mnist_lenet5 import config as base
from experiments.engine import run
from experiments.interruption import Interrupted
from experiments.packed_state import Format, PackedState
from experiments.run_folder import RunError, RunFolder, write_json, write_report

_FORMATS: tuple[Format | None, ...] = (None, *get_args(Format))
"""None stands for the uncut run."""


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
        result = {
            "command": " ".join([program, *cli.arguments(argv)]),
            **provenance.describe(),
            "epochs": options.epochs,
            "limit": options.limit,
            "runs": measure(options),
        }
        write_report(options.out, result, page(result))
        options.out.with_suffix(".partial.json").unlink(missing_ok=True)
        print(options.out.with_suffix(".md"))


def measure(options: Packing) -> list[dict[str, Any]]:
    """The scores of every run; those so far are in a file beside ``--out``."""
    rows = []
    for seed in range(options.seeds):
        config = replace(
            base,
            optimizer="sgd",
            learning_rate=options.learning_rate,
            epochs=options.epochs,
            limit=options.limit,
            seed=seed,
        )
        for name in _FORMATS:
            with tempfile.TemporaryDirectory() as folder:
                rows.append({"format": name, "seed": seed})
                rows[-1].update(score(config, name, options.data_dir, Path(folder)))
            print(rows[-1])
            write_json(options.out.with_suffix(".partial.json"), rows)
    return rows


def score(
    config: Config, format: Format | None, data_dir: Path, folder: Path
) -> dict[str, Any]:
    """Trains one network, uncut or in pieces of an epoch.

    Args:
      config: what to train.
      format: how states are packed; None does not cut.
      data_dir: where data sets are.
      folder: an empty folder.

    Returns:
      Pieces, bytes of the packed state, and the scores after the last epoch.
    """
    layout = cli.layout("jit", None)
    if format is None:
        result = run(config, RunFolder(folder / "run"), data_dir, layout)
        return {"pieces": 1, "bytes": None, **result[config.evaluate_on]}
    pack = PackedState(folder / "pack", format)
    pieces = 0
    while True:
        pieces += 1
        piece = RunFolder(folder / f"piece-{pieces}")
        try:
            result = run(
                config, piece, data_dir, layout, pack=pack, on_epoch=_ask_to_stop
            )
        except Interrupted:
            shutil.rmtree(piece.path)
            continue
        size = sum(part.stat().st_size for part in pack.folder.glob("part-*"))
        return {"pieces": pieces, "bytes": size, **result[config.evaluate_on]}


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
                str(mine[0]["pieces"]),
                "" if size is None else f"{size / 2**20:.2f}",
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
            f"Made by `{result['command']}` on {markdown.origin(result)}.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
