"""Writes a network without its training: python -m experiments.export RUN [options]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from experiments import cli, exported, trained
from experiments.exported import Weights


@dataclass(frozen=True)
class Export:
    """Write the weights of a finished run into a small folder, which can be evaluated.

    The folder takes the place of the run in experiments.evaluate and wherever else a
    finished run is read. It holds float32 weights and running statistics, the
    configuration, the metrics, the result and the SHA-256 of each.

    Attributes:
      run: folder of the run.
      data_dir: where data sets are.
      out: folder to write; by default RUN-exported.
    """

    run: Annotated[Path, tyro.conf.Positional] = tyro.MISSING
    data_dir: Path = Path(".data")
    out: Path | None = None


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        options = cli.parse(Export, argv, "python -m experiments.export")
        network = trained.load(options.run, options.data_dir)
        out = options.out or options.run.with_name(f"{options.run.name}-exported")
        weights = Weights(network.params, network.model_state)
        size = exported.write(network.folder, weights, out)
        print(
            f"{network.name}: {size / 1e6:.2f} MB in {out}; score it with: "
            f"python -m experiments.evaluate {out}"
        )


if __name__ == "__main__":
    main()
