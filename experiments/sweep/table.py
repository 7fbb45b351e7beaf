"""What a sweep says: its rows as a table, and the summary of Table 6."""

import csv
import functools
import io
import math
import statistics
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments import markdown
from experiments.config import Config
from experiments.run_folder import RunError
from experiments.sweep.axes import Cell
from qifjax import NeuronParams, unroll

_STEPS, _INPUTS = 20, 801
_LARGEST_GENTLE = 0.4
GENTLE = "a <= 0.4"
"""The cells of QIF that the paper counts in Table 6."""


# Typed, since parameters of two neuron models may be equal as tuples.
@functools.lru_cache(maxsize=None, typed=True)
def uses_time(params: NeuronParams) -> bool:
    """Whether a constant input within four thresholds ever changes a neuron's spike.

    Args:
      params: its parameters, as floats.

    Returns:
      False if the neuron repeats its first step for 20 steps, see ``docs/time.md``.
    """
    reach = 4 * np.float32(params.u_th)
    currents = np.linspace(-reach, reach, _INPUTS, dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a > 0.4, which is what is asked about
        _, spikes = unroll(params, np.broadcast_to(currents, (_STEPS, _INPUTS)))  # type: ignore[arg-type]
    return bool(np.any(np.asarray(spikes) != np.asarray(spikes[0])))


def tabulate(
    base: Config, cells: Sequence[Cell], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The cells of a sweep, seeds together, and their summary.

    Args:
      base: the configuration.
      cells: finished cells.
      rows: what each has given.

    Returns:
      Plain values: ``axes``, one entry a point of the grid with accuracy, firing rate
      and energy after the last epoch (means over seeds), the ``summary``, that of each
      seed alone (``by_seed``), how many ``examples`` each part of the data had, None
      where no row says it, and on what the cells were ``trained``.

    Raises:
      RunError: if the cells differ in their number of examples.
    """
    pairs = list(zip(cells, rows, strict=True))
    entries = _entries(base, pairs)
    seeds = sorted({cell.seed for cell in cells})
    alone = {
        str(seed): _entries(base, [p for p in pairs if p[0].seed == seed])
        for seed in seeds
    }
    return {
        "axes": list(cells[0].values),
        "cells": entries,
        "summary": _summary(entries),
        "by_seed": {seed: _summary(own) for seed, own in alone.items()},
        "examples": _examples(rows),
        "trained": list(dict.fromkeys(row["trained"] for row in rows)),
    }


def _examples(rows: Sequence[Mapping[str, Any]]) -> dict[str, int] | None:
    """How many examples each part of the data had; None where no row says it."""
    found: list[dict[str, int]] = []
    for row in rows:
        if (own := row.get("examples")) and own not in found:
            found.append(own)
    if len(found) > 1:
        raise RunError(
            f"the cells differ in how many examples they had: {found}; sweep each data "
            "set in a --workdir of its own"
        )
    return found[0] if found else None


def _entries(
    base: Config, pairs: Sequence[tuple[Cell, Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """One entry a point of the grid, its seeds together."""
    points: dict[tuple[float, ...], list[Mapping[str, Any]]] = {}
    for cell, row in pairs:
        points.setdefault(tuple(cell.values.values()), []).append(row)
    axes = list(pairs[0][0].values)
    entries = []
    for values, found in points.items():
        named = dict(zip(axes, values, strict=True))
        params = Cell(named, 0).config(base).neuron_params
        entries.append(
            {
                **named,
                "seeds": len(found),
                "uses_time": uses_time(params),
                "accuracy": _mean(found, "accuracy"),
                "accuracy_deviation": _deviation(found, "accuracy"),
                "firing_rate": _mean(found, "firing_rate"),
                "energy_mj": _mean(found, "energy_mj"),
            }
        )
    return entries


def _summary(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Mean, deviation, minimum and maximum of accuracy over groups of cells."""
    groups: dict[str, list[Mapping[str, Any]]] = {"all": list(entries)}
    if "a" in entries[0]:
        groups[GENTLE] = [e for e in entries if e["a"] <= _LARGEST_GENTLE + 1e-9]
    groups["uses time"] = [e for e in entries if e["uses_time"]]
    groups["repeats its first step"] = [e for e in entries if not e["uses_time"]]
    return {name: _statistics(group) for name, group in groups.items() if group}


def _statistics(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    known = [e["accuracy"] for e in entries if e["accuracy"] is not None]
    within = [e["accuracy_deviation"] for e in entries]
    squares = [deviation**2 for deviation in within if deviation is not None]
    return {
        "cells": len(entries),
        "diverged": len(entries) - len(known),
        "mean": statistics.fmean(known) if known else None,
        "deviation": statistics.stdev(known) if len(known) > 1 else None,
        "between_seeds": math.sqrt(statistics.fmean(squares)) if squares else None,
        "minimum": min(known, default=None),
        "maximum": max(known, default=None),
    }


def _mean(rows: Sequence[Mapping[str, Any]], field: str) -> float | None:
    """Mean over seeds after the last epoch; None where a network has diverged."""
    last = [row[field][-1] for row in rows]
    return None if None in last else statistics.fmean(last)


def _deviation(rows: Sequence[Mapping[str, Any]], field: str) -> float | None:
    last = [row[field][-1] for row in rows]
    return None if None in last or len(last) < 2 else statistics.stdev(last)


def to_csv(table: Mapping[str, Any]) -> str:
    """The points of the grid as CSV, with a head."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table["cells"][0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table["cells"])
    return text.getvalue()


def page(report: Mapping[str, Any], figure: str) -> str:
    """The report of a sweep as Markdown."""
    rows = [
        [name, str(group["cells"]), str(group["diverged"])]
        + [
            markdown.percent(group[k])
            for k in ("mean", "deviation", "minimum", "maximum")
        ]
        for name, group in report["summary"].items()
    ]
    head = ["cells", "number", "diverged", "mean, %", "deviation", "minimum", "maximum"]
    config = report["config"]
    kind = f"{report['sample']} sample" if report["sample"] else "grid"
    lines = [
        f"# {config['name']}: {config['neuron']} over {', '.join(report['axes'])}",
        "",
        f"Accuracy on {evaluated_on(report)} after the last of "
        f"{config['epochs']} epochs over the cells of the {kind}, "
        f"{report['seeds']} seed(s) a cell. A cell *uses time* if any constant "
        "input within four thresholds changes its spike within 20 steps "
        "(docs/time.md).",
        "",
        *markdown.table(head, rows),
        "",
        *between_seeds(report),
        f"![Accuracy by cell]({figure})",
        "",
        f"The {report['top']} best:",
        "",
        *best(report, report["top"]),
        "",
        f"Made by `{report['command']}`, trained on {'; '.join(report['trained'])}.",
    ]
    return "\n".join([*lines, ""])


def evaluated_on(report: Mapping[str, Any]) -> str:
    """What accuracy was measured on, as words: "the 100 test examples"."""
    part = report["config"]["evaluate_on"]
    number = f"{report['examples'][part]:,} " if report.get("examples") else ""
    return f"the {number}{part} examples"


def between_seeds(report: Mapping[str, Any]) -> list[str]:
    """How far the seeds of one cell are apart, in lines of Markdown; none for one."""
    deviation = report["summary"]["all"]["between_seeds"]
    if deviation is None:
        return []
    neuron = report["config"]["neuron"]
    return [
        f"Between the seeds of one cell, accuracy of {neuron.upper()} "
        f"deviates by {markdown.percent(deviation)} points (root mean square over the "
        "cells).",
        "",
    ]


def best(table: Mapping[str, Any], number: int) -> list[str]:
    """The best cells by accuracy, as lines of Markdown."""
    known = [e for e in table["cells"] if e["accuracy"] is not None]
    ranked = sorted(known, key=lambda entry: -entry["accuracy"])
    return lines(table["axes"], ranked[:number])


def lines(axes: Sequence[str], entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Cells as lines of Markdown, one each.

    Args:
      axes: names of the axes.
      entries: the cells, as :func:`tabulate` gives them.

    Returns:
      A table.
    """
    percent = markdown.percent
    rows = [
        [
            *(f"{entry[axis]:g}" for axis in axes),
            "yes" if entry["uses_time"] else "no",
            percent(entry["accuracy"]) or "diverged",
            percent(entry["accuracy_deviation"]),
            percent(entry["firing_rate"]),
            "" if entry["energy_mj"] is None else f"{1000 * entry['energy_mj']:.4g}",
        ]
        for entry in entries
    ]
    head = ["uses time", "accuracy, %", "deviation", "firing rate, %", "energy, µJ"]
    return markdown.table([*axes, *head], rows, left=0)
