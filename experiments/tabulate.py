"""One table of many runs: python -m experiments.tabulate RUN [RUN ...] [options]."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import cli, markdown
from experiments.comparison import Spread, spread
from experiments.config import Config
from experiments.run_folder import RunError, RunFolder, write_report

SCHEMA_VERSION = 1
_NEURONS = {"qif", "lif", "euler_qif"}


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
            "command": " ".join([program, *cli.arguments(argv)]),
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
      Plain values: where the first run comes from, the settings in which the groups
      ``differ``, and for each of the ``rows`` these settings, the seeds, and accuracy,
      firing rate and energy over them.

    Raises:
      RunError: if a seed occurs twice in a group.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for folder in folders:
        result = folder.result()
        # A setting that came later has its default in older runs.
        settings = Config.from_json(result["config"]).to_json()
        seed = settings.pop("seed")
        group = groups.setdefault(json.dumps(settings), [])
        if any(other["seed"] == seed for other in group):
            raise RunError(f"{folder.path} repeats seed {seed} of another run")
        group.append({**result, "settings": _flat(settings)})
    first = next(iter(groups.values()))[0]
    everything = [group[0]["settings"] for group in groups.values()]
    names = dict.fromkeys(name for settings in everything for name in settings)
    differ = [name for name in names if _differs(name, everything)]
    return {
        **{name: first[name] for name in ("git_commit", "versions", "device")},
        "common": {
            name: first["settings"].get(name) for name in names if name not in differ
        },
        "differ": differ,
        "rows": [_row(group, differ) for group in groups.values()],
    }


def _differs(name: str, everything: Sequence[Mapping[str, Any]]) -> bool:
    """Whether groups differ in a setting; a neuron's parameters among its own alone."""
    neuron, _, parameter = name.partition(".")
    if parameter and neuron in _NEURONS:
        everything = [s for s in everything if s["neuron"] == neuron]
    return len({json.dumps(settings.get(name)) for settings in everything}) > 1


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by one name each, without the parameters of the neurons not used."""
    flat: dict[str, Any] = {}
    unused = _NEURONS - {settings.get("neuron")}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            if not (not prefix and name in unused):
                flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


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
        f"Made by `{report['command']}` on {markdown.origin(report)}.",
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
