"""QIF against LIF in one study: python -m experiments.headline STUDY [options]."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from experiments import cli
from experiments.config import Config, ConfigError
from experiments.deadline import stop_after
from experiments.headline import studies, trainings
from experiments.interruption import Interrupted
from qifjax.parallel import Mode


@dataclass(frozen=True)
class Headline:
    """Train all arms of a study with several seeds, one run after another.

    STUDY is one of experiments/headline/studies.py; options replace its values, such as
    --epochs 350 --model-options width_multiplier 1 for the paper's own size. The same
    command goes on where it was stopped or killed. Finished runs are kept in the folder
    of the page, without their weights, and are not trained again.

    Attributes:
      config: the configuration; neuron, learning rate and seed of an arm replace its
        own.
      seeds: number of seeds, counted from --seed.
      workdir: folder of the runs; by default runs/headline/STUDY.
      data_dir: where data sets are.
      parallel: see experiments.train.
      devices: see experiments.train.
      stop_after: stop after this time, such as 520s, 8m or 1.5h; see experiments.train.
      out: folder in which finished runs are kept; by default docs/results/STUDY.
    """

    config: Annotated[Config, tyro.conf.arg(name="")]
    seeds: int = 2
    workdir: Path | None = None
    data_dir: Path = Path(".data")
    parallel: Mode = "jit"
    devices: int | None = None
    stop_after: str | None = None
    out: Path | None = None


def main(argv: Sequence[str] | None = None) -> None:
    began = time.monotonic()
    with cli.one_line_errors():
        program = "python -m experiments.headline"
        options = cli.parse_with_config(Headline, argv, program, studies)
        if options.seeds < 1:
            raise ConfigError(f"--seeds must be at least 1, got {options.seeds}")
        name = options.config.name
        deadline = stop_after(options.stop_after, began)
        configs = studies.find(name).configs(options.config, options.seeds)
        results = options.out or Path("docs/results") / name
        try:
            trainings.train(
                configs,
                options.workdir or Path("runs/headline") / name,
                results,
                options.data_dir,
                cli.layout(options.parallel, options.devices),
                deadline,
            )
        except Interrupted as interruption:
            command = " ".join([program, *cli.arguments(argv)])
            print(f"stopped: {interruption}; go on with: {command}")


if __name__ == "__main__":
    main()
