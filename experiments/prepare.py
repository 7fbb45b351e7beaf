"""Gets a data set: python -m experiments.prepare NAME [options]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from experiments import cli
from qifjax.data import fashion_mnist


@dataclass(frozen=True)
class Prepare:
    """Download a data set's official files, verify them, write them in TFDS's layout.

    Attributes:
      name: the data set.
      data_dir: where data sets are.
      source: web address or local folder of the official files; by default the official
        address.
    """

    name: Annotated[Literal["fashion_mnist"], tyro.conf.Positional] = tyro.MISSING
    data_dir: Path = Path(".data")
    source: str = fashion_mnist.OFFICIAL_SOURCE


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        options = cli.parse(Prepare, argv, "python -m experiments.prepare")
        folder = fashion_mnist.prepare(options.data_dir, options.source)
        print(f"{options.name} is ready: {folder}")


if __name__ == "__main__":
    main()
