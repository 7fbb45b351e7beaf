"""Gets a data set: python -m experiments.prepare NAME [options]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from experiments import cli
from qifjax.data import cifar, fashion_mnist, tiny_imagenet
from qifjax.data.official import prepare

_OFFICIAL = {
    "cifar10": cifar.CIFAR10,
    "cifar100": cifar.CIFAR100,
    "fashion_mnist": fashion_mnist.OFFICIAL,
    "tiny_imagenet": tiny_imagenet.OFFICIAL,
}


@dataclass(frozen=True)
class Prepare:
    """Download a data set's official files, verify them, make it ready to load.

    Attributes:
      name: the data set.
      data_dir: where data sets are.
      source: web address or local folder of the official files; by default the official
        address.
    """

    name: Annotated[
        Literal["cifar10", "cifar100", "fashion_mnist", "tiny_imagenet"],
        tyro.conf.Positional,
    ] = tyro.MISSING
    data_dir: Path = Path(".data")
    source: str | None = None


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        options = cli.parse(Prepare, argv, "python -m experiments.prepare")
        folder = prepare(_OFFICIAL[options.name], options.data_dir, options.source)
        print(f"{options.name} is ready: {folder}")


if __name__ == "__main__":
    main()
