"""Tables the networks: python -m experiments.models_table DIR [options]."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import cli, markdown
from experiments.run_folder import RunError, write_text

_NETWORKS = {
    "lenet5": "LeNet-5",
    "resnet19": "ResNet-19",
    "resnet34": "ResNet-34",
    "vggsnn": "VGGSNN",
    "vgg11": "VGG-11",
    "dvs_gesture_net": "DVSGestureNet",
    "meta_spikeformer": "Meta-SpikeFormer",
}


@dataclass(frozen=True)
class ModelsTable:
    """Make the page about the networks from what was measured.

    Attributes:
      folder: where the JSON files of experiments.memorise are.
      starts: the JSON file of experiments.starts.
      out: Markdown file to write.
    """

    folder: Annotated[Path, tyro.conf.Positional] = tyro.MISSING
    starts: Path = Path("docs/results/starts.json")
    out: Path = Path("docs/results/models.md")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.models_table"
        options = cli.parse(ModelsTable, argv, program)
        command = cli.command(program, argv)
        text = page(read(options.folder), read_starts(options.starts), command)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_text(options.out, text)
        print(options.out)


def read(folder: Path) -> list[dict[str, Any]]:
    """The results in a folder, by network and neuron.

    Raises:
      RunError: if there is none, or a file is not one.
    """
    results = []
    for file in sorted(folder.glob("*.json")):
        try:
            result = json.loads(file.read_text())
            results.append(
                (list(_NETWORKS).index(result["network"]), file.name, result)
            )
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{file} is no result of experiments.memorise") from error
    if not results:
        raise RunError(
            f"{folder} holds no JSON file; run `python -m experiments.memorise NETWORK "
            f"--out {folder}/NETWORK.json` first"
        )
    return [result for *_, result in sorted(results, key=lambda entry: entry[:2])]


def read_starts(file: Path) -> dict[str, Any]:
    """What experiments.starts has measured.

    Raises:
      RunError: if there is no such file, or it is another one.
    """
    try:
        found: dict[str, Any] = json.loads(file.read_text())
        found["starts"] = sorted(
            found["starts"], key=lambda row: list(_NETWORKS).index(row["network"])
        )
    except FileNotFoundError as error:
        raise RunError(
            f"there is no {file}; run `python -m experiments.starts --out {file}` first"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{file} is no result of experiments.starts") from error
    return found


def page(results: list[dict[str, Any]], starts: dict[str, Any], command: str) -> str:
    """The page in Markdown."""
    made = sorted({markdown.origin(result) for result in results})
    lines = [
        "# The networks: size, time to compile, and whether they can learn",
        "",
        "Each network at the input shape and T of the paper (Meta-SpikeFormer, of "
        "which it states neither, at 64 pixels and T = 1) learns one batch of noise "
        "with random labels by heart, with Adam at a learning rate that falls from the "
        "given one to zero, before the last *settling* steps; *steps* is when it is "
        "right about every example, in training mode and with its running statistics, "
        "and *in training mode* when it is so with those of the batch. *Operations* "
        "are those of one example in one time step. The columns about populations span "
        "the lowest and highest over all populations of neurons, at the start → at the "
        "end, normalised by the batch: *rate* in spikes per neuron and step; *silent*, "
        "the largest share of neurons without a spike in the whole batch; *inside*, "
        "the smallest share of the membrane inside the surrogate window. Where QIF "
        "does not learn with its analytic window, [gradients grow with "
        "depth](gradient_gain.md); with the one centred on the threshold they do not.",
        "",
        *_table(results),
        "",
        f"Made by `{command}` from the results of",
        "",
        "```",
        *(result["command"] for result in results),
        "```",
        "",
        *(f"on {text}." for text in made),
        "",
        *_starts(starts),
        "## Populations",
        "",
    ]
    for result in results:
        window = result.get("window", "analytic")
        lines += [
            f"### {_NETWORKS[result['network']]}, {result['neuron'].upper()}, {window}",
            "",
            *_populations(result),
            "",
        ]
    return "\n".join(lines)


def _table(results):
    head = [
        "network",
        "neuron",
        "width",
        "parameters",
        "operations, M",
        "batch and T",
        "learning rate",
        "settling",
        "window",
        "steps",
        "in training mode",
        "training, s",
        "rate",
        "silent at most",
        "inside at least",
    ]
    rows = []
    for r in results:
        T, batch = r["timesteps"], r["examples"]
        rate = [
            f"{_least(r, 'rate', w):.2f} to {_most(r, 'rate', w):.2f}" for w in _WHEN
        ]
        steps = r["steps"] or f"not in {r['steps_taken']}"
        rows.append(
            [
                _NETWORKS[r["network"]],
                r["neuron"].upper(),
                f"{r['options']['width_multiplier']:g}",
                f"{r['parameter_count']:,}",
                f"{r['operations'] / 1e6:,.1f}",
                f"{batch}, {T}",
                f"{r['learning_rate']:g}",
                str(r.get("settle", 0)),
                r.get("window", "analytic"),
                str(steps),
                str(r["steps_training_mode"] or "never"),
                f"{r['train_seconds']:.0f}",
                " → ".join(rate),
                " → ".join(f"{_most(r, 'silent', w):.2f}" for w in _WHEN),
                " → ".join(f"{_least(r, 'inside', w):.2f}" for w in _WHEN),
            ]
        )
    return markdown.table(head, rows, left=2)


def _starts(result):
    head = ["network", "neuron"]
    head += ["first start, s", "trace", "lower", "compile"]
    head += ["second start, s", "trace", "lower", "load", "second / first"]
    rows = []
    for row in result["starts"]:
        first, second = sum(row["first"].values()), sum(row["second"].values())
        cells = [_NETWORKS[row["network"]], row["neuron"].upper()]
        for total, parts in ((first, row["first"]), (second, row["second"])):
            cells += [f"{value:.1f}" for value in (total, *parts.values())]
        rows.append([*cells, f"{second / first:.2f}"])
    return [
        "## Time to compile",
        "",
        "Seconds until the program of a training step (`qifjax.training.train_steps` "
        f"with Adam, batch {result['batch_size']}) is ready, after the imports: in a "
        "new process with an empty compilation cache, and in another one with what the "
        f"first has left there. Medians of {result['rounds']} round(s).",
        "",
        *markdown.table(head, rows, left=2),
        "",
        f"Measured by `{result['command']}` on {markdown.origin(result)}.",
        "",
    ]


def _populations(result):
    head = ["population", "rate", "silent", "always", "inside"]
    rows = [
        [
            name,
            *(
                " → ".join(f"{entry[when][statistic]:.3f}" for when in _WHEN)
                for statistic in ("rate", "silent", "always", "inside")
            ),
        ]
        for name, entry in result["populations"].items()
    ]
    return markdown.table(head, rows, left=1)


_WHEN = ("initial", "final")


def _least(result, statistic, when):
    return min(entry[when][statistic] for entry in result["populations"].values())


def _most(result, statistic, when):
    return max(entry[when][statistic] for entry in result["populations"].values())


if __name__ == "__main__":
    main()
