"""Trains neuron models side by side: python -m experiments.compare CONFIG [options]."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from experiments import cli, tabulate
from experiments import config as configs
from experiments.comparison import Comparison, summarise
from experiments.comparison_figure import draw
from experiments.config import Config, ConfigError
from experiments.engine import run
from experiments.interruption import Interrupted
from experiments.run_folder import RunFolder, write_json, write_text
from qifjax.parallel import Mode


@dataclass(frozen=True)
class Compare:
    """Train neuron models on the same data and seeds, and compare them in a table.

    CONFIG is the name of a file in experiments/configs; options replace its values.
    Runs that are finished are not repeated, unfinished ones go on from their last
    checkpoint.

    Attributes:
      config: the configuration; its neuron and seed are replaced.
      neurons: neuron models, the first of which the others are held against.
      seeds: number of seeds, counted from --seed.
      workdir: folder of all runs and of the comparison; by default runs/NAME.
      data_dir: where data sets are.
      parallel: see experiments.train.
      devices: see experiments.train.
      report: Markdown file to write the comparison to as well, with the figure and the
        numbers beside it.
    """

    config: Annotated[Config, tyro.conf.arg(name="")]
    neurons: tuple[Literal["qif", "lif", "euler_qif"], ...] = ("qif", "lif")
    seeds: int = 1
    workdir: Path | None = None
    data_dir: Path = Path(".data")
    parallel: Mode = "jit"
    devices: int | None = None
    report: Path | None = field(default=None, metadata={"ending": ".md"})


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.compare"
        options = cli.parse_with_config(Compare, argv, program)
        cli.start_quickly()
        if options.seeds < 1:
            raise ConfigError(f"--seeds must be at least 1, got {options.seeds}")
        if len(set(options.neurons)) != len(options.neurons) or not options.neurons:
            given = " ".join(options.neurons)
            raise ConfigError(f"--neurons must name each model once, got {given!r}")
        workdir = options.workdir or Path("runs") / options.config.name
        command = cli.command(program, argv)
        try:
            comparison = compare(options, workdir, command)
        except Interrupted as interruption:
            print(f"stopped: {interruption}; go on with: {command}")
            return
        changed = differences(options)
        write(comparison, changed, workdir / "comparison.md")
        print(f"\n{comparison.to_markdown()}\n{workdir}/comparison.md")
        if options.report is not None:
            write(comparison, changed, options.report)
            print(options.report)


def compare(options: Compare, workdir: Path, command: str) -> Comparison:
    """Trains every neuron model with every seed and summarises the results."""
    folders: dict[str, list[RunFolder]] = {}
    layout = cli.layout(options.parallel, options.devices)
    first = options.config.seed
    for seed in range(first, first + options.seeds):
        for neuron in options.neurons:
            config = dataclasses.replace(options.config, neuron=neuron, seed=seed)
            folder = RunFolder(workdir / f"{neuron}-seed{seed}")
            run(config, folder, options.data_dir, layout, resume=folder.started)
            folders.setdefault(neuron, []).append(folder)
    return summarise(command, folders)


def differences(options: Compare) -> dict[str, tuple[Any, Any]]:
    """The settings that options have changed, with the value that the config has."""
    name = options.config.name
    if name not in configs.names():
        return {"name": (name, None)}
    found: dict[str, tuple[Any, Any]] = {}
    for neuron in options.neurons:
        here, there = (
            dataclasses.replace(config, neuron=neuron)
            for config in (options.config, configs.load(name))
        )
        found |= tabulate.differences(here, there)
    return found


def write(
    comparison: Comparison, changed: Mapping[str, tuple[Any, Any]], path: Path
) -> None:
    """Writes the table to a Markdown file, with figure and numbers beside it.

    Args:
      comparison: what has been found.
      changed: see :func:`differences`; it is kept with the numbers.
      path: the Markdown file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**dataclasses.asdict(comparison), "differences": changed}
    write_json(path.with_suffix(".json"), content)
    draw(comparison, path.with_suffix(".png"))
    figure = f"![Accuracy, firing rate and energy]({path.with_suffix('.png').name})\n"
    write_text(path, f"{comparison.to_markdown()}\n{figure}")


if __name__ == "__main__":
    main()
