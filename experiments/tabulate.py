"""One table of many runs: python -m experiments.tabulate RUN [RUN ...] [options]."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import cli, markdown
from experiments.comparison import Spread, spread
from experiments.config import Config
from experiments.run_folder import RunError, RunFolder, write_report
from qifjax import nn

SCHEMA_VERSION = 1
_NEURONS = ("qif", "lif", "euler_qif")


@dataclass(frozen=True)
class Tabulate:
    """Tabulate finished runs, whatever they differ in.

    Runs that differ in their seed alone are one row: mean and standard deviation. The
    columns in front name the settings in which the rows differ.

    Attributes:
      runs: folders of finished runs, or folders that hold some at any depth.
      title: heading of the page.
      out: JSON file to write; the page goes beside it.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    title: str = "Runs"
    out: Path = Path("runs/table.json")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.tabulate"
        options = cli.parse(Tabulate, argv, program)
        if not options.runs:
            raise RunError(f"{program} needs the folders of one or more finished runs")
        folders = [folder for path in options.runs for folder in _finished(path)]
        report = {
            "schema_version": SCHEMA_VERSION,
            "title": options.title,
            "command": cli.command(program, argv),
            **tabulate(folders),
        }
        text = page(report)
        write_report(options.out, report, text)
        print(f"{text}\n{options.out.with_suffix('.md')}")


def _finished(path: Path) -> list[RunFolder]:
    """The run in a folder, or all runs below it; all of them must be finished."""
    if RunFolder(path).started:
        found = [RunFolder(path)]
    else:
        found = [RunFolder(file.parent) for file in path.rglob("config.json")]
    if not found:
        raise RunError(f"{path} holds no run")
    for folder in found:
        if not folder.finished:
            raise RunError(
                f"{folder.path} holds an unfinished run; finish it with --resume and "
                "the command that began it, or name the runs one by one"
            )
    return sorted(found, key=lambda folder: folder.path)


def tabulate(folders: Iterable[RunFolder]) -> dict[str, Any]:
    """Groups runs by their settings, the seed aside.

    Args:
      folders: finished runs.

    Returns:
      Plain values: on what the runs were ``trained``, the settings that all have in
      ``common`` and those in which they ``differ``, and for each of the ``rows`` these
      settings, the seeds, and accuracy, firing rate and energy over them.

    Raises:
      RunError: if a seed occurs twice in a group.
    """
    results = [(folder, folder.result()) for folder in folders]
    # A setting that came later has its default in older runs.
    configs = [Config.from_json(result["config"]) for _, result in results]
    options = {name for config in configs for name in config.model_options}
    groups: dict[str, list[dict[str, Any]]] = {}
    for (folder, result), config in zip(results, configs, strict=True):
        own = settings(config, options)
        group = groups.setdefault(json.dumps(own), [])
        if any(other["seed"] == config.seed for other in group):
            raise RunError(f"{folder.path} repeats seed {config.seed} of another run")
        group.append({**result, "settings": own})
    found: dict[str, dict[str, Any]] = {}
    for first, *_ in groups.values():
        for name, value in first["settings"].items():
            found.setdefault(name, {})[json.dumps(value)] = value
    differ = [name for name, values in found.items() if len(values) > 1]
    return {
        "trained": list(dict.fromkeys(markdown.origin(r) for _, r in results)),
        "common": {
            name: next(iter(values.values()))
            for name, values in found.items()
            if name not in differ
        },
        "differ": differ,
        "rows": [_row(group, differ) for group in groups.values()],
    }


def differences(config: Config, other: Config) -> dict[str, tuple[Any, Any]]:
    """The settings in which two configurations of one network differ, the name aside.

    Args:
      config: a configuration.
      other: what it is held against.

    Returns:
      By the name of a setting its values in both.
    """
    options = set(nn.options(config.model))
    here, there = settings(config, options), settings(other, options)
    return {
        name: (value, there.get(name))
        for name, value in here.items()
        if name != "name" and value != there.get(name)
    }


def settings(config: Config, options: set[str]) -> dict[str, Any]:
    """What has a say in a result, the seed aside, by one name each.

    The neuron that is used gives its parameters and learning rate, so runs that differ
    in those of another are the same; an option that is not given has its default.

    Args:
      config: the configuration.
      options: names of the options of networks that count.

    Returns:
      Plain values by name.
    """
    found = config.to_json()
    for name in ("seed", "lif_learning_rate", "model_options", *_NEURONS):
        del found[name]
    found["learning_rate"] = config.neuron_learning_rate
    for name, value in config.neuron_params._asdict().items():
        found[f"{config.neuron}.{name}"] = value
    given = {**nn.options(config.model), **config.model_options}
    for name in sorted(options & given.keys()):
        found[f"model_options.{name}"] = given[name]
    return found


def _row(group: Sequence[dict[str, Any]], differ: Sequence[str]) -> dict[str, Any]:
    split = group[0]["settings"]["evaluate_on"]
    numbers = {
        "accuracy": [result[split]["accuracy"] for result in group],
        "mean_firing_rate": [result["mean_firing_rate"] for result in group],
        "total_energy_mj": [result["total_energy_mj"] for result in group],
    }
    return {
        "settings": {name: group[0]["settings"].get(name) for name in differ},
        "seeds": [result["seed"] for result in group],
        **{
            name: dataclasses.asdict(spread(values)) for name, values in numbers.items()
        },
    }


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    common = report["common"]
    shown = ("dataset", "model", "timesteps", "epochs", "optimizer", "learning_rate")
    setting = ", ".join(
        f"{name} {common[name]}" for name in shown if common.get(name) is not None
    )
    lines = [
        f"# {report['title']}",
        "",
        f"All with {setting}. Mean ± sample standard deviation over seeds; accuracy "
        f"on the {common.get('evaluate_on', 'evaluation')} examples after the last "
        "epoch, energy of an example by eq. 17.",
        "",
        *table(report),
        "",
        f"Made by `{report['command']}` from runs on {'; '.join(report['trained'])}.",
    ]
    return "\n".join([*lines, ""])


def table(report: dict[str, Any]) -> list[str]:
    """The rows, as lines of Markdown."""
    rows = []
    for row in report["rows"]:
        cells = [
            "" if value is None else str(value) for value in row["settings"].values()
        ]
        accuracy, rate, energy = (
            Spread(**row[name])
            for name in ("accuracy", "mean_firing_rate", "total_energy_mj")
        )
        rows.append(
            [
                *cells,
                str(len(row["seeds"])),
                accuracy.format(".2f", 100),
                rate.format(".2f", 100),
                energy.format(".4g", 1000),
            ]
        )
    head = [*report["differ"], "seeds", "accuracy, %", "firing rate, %", "energy, µJ"]
    return markdown.table(head, rows, left=len(report["differ"]))


if __name__ == "__main__":
    main()
