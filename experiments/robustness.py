"""The paper's robustness study from two sweeps: python -m experiments.robustness."""

import json
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import cli, markdown
from experiments.run_folder import RunError, write_report
from experiments.sweep import effects
from experiments.sweep import table as cell_table
from experiments.sweep.table import GENTLE

SCHEMA_VERSION = 1

_CLAIMS: tuple[tuple[str, str, Callable[[float, float], bool]], ...] = (
    ("minimum", "higher", operator.gt),
    ("mean", "higher", operator.gt),
    ("maximum", "higher", operator.gt),
    ("deviation", "smaller", operator.lt),
)
"""What Appendix F says of QIF at a <= 0.4 against LIF, in this order."""


@dataclass(frozen=True)
class Robustness:
    """Hold a sweep of QIF against one of LIF, as the paper's Table 6 does.

    Attributes:
      sweeps: the JSON files of two sweeps, see experiments.sweep --out: one of QIF with
        an axis a, and one of LIF.
      title: heading of the page.
      out: JSON file to write; the page goes beside it.
    """

    sweeps: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    title: str = "Robustness to the parameters of the neuron"
    out: Path = Path("docs/results/robustness.json")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.robustness"
        options = cli.parse(Robustness, argv, program)
        lif, qif = _pair(options.sweeps)
        report = {
            "schema_version": SCHEMA_VERSION,
            "command": cli.command(program, argv),
            "title": options.title,
            "sweeps": {name: str(path) for name, (path, _) in _named(lif, qif)},
            **compare(lif[1], qif[1]),
        }
        text = page(report, lif, qif, options.out.parent)
        write_report(options.out, report, text)
        print(f"{text}\n{options.out.with_suffix('.md')}")


_Sweep = tuple[Path, dict[str, Any]]


def _named(lif: _Sweep, qif: _Sweep) -> tuple[tuple[str, _Sweep], ...]:
    return (("lif", lif), ("qif", qif))


def _pair(paths: Sequence[Path]) -> tuple[_Sweep, _Sweep]:
    """The two sweeps, LIF first, whatever their order."""
    found: dict[str, _Sweep] = {}
    for path in paths:
        if not path.is_file():
            raise RunError(f"{path} is no file; write it with experiments.sweep --out")
        try:
            content = json.loads(path.read_text())
            neuron, sample = content["config"]["neuron"], content["sample"]
            content["axes"], content["by_seed"], content["summary"]["all"]
        except (ValueError, KeyError, TypeError):
            raise RunError(
                f"{path} was not written by this version of experiments.sweep; the "
                "command of the sweep writes it again and trains nothing twice"
            ) from None
        if sample:
            raise RunError(
                f"{path} is a sample ({sample}); claims and maps need a grid"
            )
        found[neuron] = (path, content)
    if len(paths) != 2 or found.keys() != {"lif", "qif"}:
        raise RunError(
            "needs the JSON files of two sweeps, one of lif and one of qif, got "
            f"{len(paths)} of {', '.join(sorted(found)) or 'nothing'}"
        )
    if GENTLE not in found["qif"][1]["summary"]:
        raise RunError(f"{found['qif'][0]} has no cell with {GENTLE}")
    for name in found["lif"][1]["config"]:
        values = {neuron: sweep["config"][name] for neuron, (_, sweep) in found.items()}
        if name != "neuron" and values["lif"] != values["qif"]:
            raise RunError(f"the sweeps differ in their {name}: {values}")
    sizes = {neuron: sweep.get("examples") for neuron, (_, sweep) in found.items()}
    if None not in sizes.values() and sizes["lif"] != sizes["qif"]:
        raise RunError(f"the sweeps differ in their numbers of examples: {sizes}")
    seeds = {neuron: list(sweep["by_seed"]) for neuron, (_, sweep) in found.items()}
    if seeds["lif"] != seeds["qif"]:
        raise RunError(f"the sweeps differ in their seeds: {seeds}")
    return found["lif"], found["qif"]


def compare(lif: Mapping[str, Any], qif: Mapping[str, Any]) -> dict[str, Any]:
    """The paper's claims, true or false of two sweeps.

    Args:
      lif: the content of a sweep of LIF.
      qif: the content of a sweep of QIF.

    Returns:
      Plain values: the ``table`` of groups of cells of both, and the ``claims`` on
      accuracy with the two numbers, as shares, whether they are ``true``, and whether
      of each seed alone (``by_seed``); None where a number is missing
      since all cells of a group have diverged.
    """
    table = [
        {"neuron": sweep["config"]["neuron"], "group": name, **group}
        for sweep in (lif, qif)
        for name, group in sweep["summary"].items()
    ]
    claims = []
    for of, word, holds in _CLAIMS:
        a, b, true = _held(holds, of, lif["summary"], qif["summary"])
        by_seed = {
            seed: _held(holds, of, lif["by_seed"][seed], qif["by_seed"][seed])[2]
            for seed in qif["by_seed"]
        }
        claim = {"of": of, "is": word, "qif": a, "lif": b}
        claims.append({**claim, "true": true, "by_seed": by_seed})
    return {"table": table, "claims": claims}


def _held(holds, of, lif, qif):
    """The number of QIF, that of LIF, and what a claim says of them."""
    a, b = qif[GENTLE][of], lif["all"][of]
    return a, b, None if a is None or b is None else holds(a, b)


def page(report: Mapping[str, Any], lif: _Sweep, qif: _Sweep, beside: Path) -> str:
    """The comparison as Markdown.

    Args:
      report: what :func:`compare` says, with the command.
      lif: the sweep of LIF and its file.
      qif: the same of QIF.
      beside: the folder of the page, for the addresses of the figures.

    Returns:
      The text.
    """
    config = lif[1]["config"]
    lines = [
        f"# {report['title']}",
        "",
        f"`{config['name']}`, {config['epochs']} epochs, the same seeds for all cells: "
        f"LIF with {_setting(lif[1])}, QIF with {_setting(qif[1])}. Accuracy on "
        f"{cell_table.evaluated_on(lif[1])} after the last epoch.",
        "",
        "## Over groups of cells (the paper's Table 6)",
        "",
        *_summary(report["table"]),
        "",
        "A cell *uses time* if a constant input within four thresholds changes its "
        "spike within 20 steps (docs/time.md).",
        "",
        *cell_table.between_seeds(lif[1]),
        *cell_table.between_seeds(qif[1]),
        "## What the paper claims (Appendix F)",
        "",
        *(_claim(claim) for claim in report["claims"]),
        "",
        "## What decides",
        "",
        "Mean accuracy in % of the cells by the value of one parameter, and the part "
        "of the variance over all cells that it accounts for.",
        "",
        *effects.lines(
            {name.upper(): effects.main_effects(s) for name, (_, s) in _named(lif, qif)}
        ),
        "",
        *_gain_of_time(qif[1]),
        "## Maps and all cells",
    ]
    for name, (path, sweep) in _named(lif, qif):
        figure = path.with_suffix(".png")
        lines += [
            "",
            f"### {name.upper()}",
            "",
            f"![Accuracy by cell, {name.upper()}]({_address(figure, beside)})",
            "",
            *cell_table.lines(sweep["axes"], sweep["cells"]),
            "",
            f"Trained by `{sweep['command']}` on {'; '.join(sweep['trained'])}.",
        ]
    return "\n".join([*lines, "", f"Made by `{report['command']}`.", ""])


def _setting(sweep: Mapping[str, Any]) -> str:
    rate = "the learning rates of the grid"
    if "learning_rate" in sweep:
        rate = f"a learning rate of {sweep['learning_rate']:g}"
    return f"{rate} and {sweep['seeds']} seed(s)"


def _address(figure: Path, beside: Path) -> str:
    return Path(os.path.relpath(figure, beside)).as_posix()


def _summary(table: Sequence[Mapping[str, Any]]) -> list[str]:
    numbers = ("mean", "deviation", "minimum", "maximum")
    rows = [
        [row["neuron"].upper(), row["group"], str(row["cells"]), str(row["diverged"])]
        + [markdown.percent(row[name]) for name in numbers]
        for row in table
    ]
    head = ["neuron", "cells", "number", "diverged", "mean, %", *numbers[1:]]
    return markdown.table(head, rows, left=2)


def _gain_of_time(sweep: Mapping[str, Any]) -> list[str]:
    """How QIF's cells that use time differ from the others, if there are both."""
    gains = effects.gain_of_time(sweep["cells"]) if "u_th" in sweep["axes"] else {}
    if not gains:
        return []
    points = ", ".join(f"{100 * gain:+.2f} (u_th {u:g})" for u, gain in gains.items())
    return [
        "QIF cells that use time against those of the same threshold that repeat their "
        f"first step, in points: {points}.",
        "",
    ]


def _claim(claim: Mapping[str, Any]) -> str:
    verdict = {True: "true", False: "false", None: "cannot be said"}[claim["true"]]
    numbers = (f"{markdown.percent(claim[name]) or '-'} %" for name in ("qif", "lif"))
    alone = list(claim["by_seed"].values())
    seeds = f"; true of {alone.count(True)} of {len(alone)} seeds alone"
    return (
        f"- QIF at {GENTLE} has the {claim['is']} {claim['of']}: **{verdict}** "
        f"({' against '.join(numbers)}{seeds if len(alone) > 1 else ''})."
    )


if __name__ == "__main__":
    main()
