"""Which axis of a grid decides how accurate its cells are."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments import markdown


@dataclass(frozen=True)
class Effect:
    """The main effect of one axis.

    Attributes:
      axis: its name.
      means: mean accuracy of the cells at each of its values.
      share: the part of the variance of accuracy that these means account for, eta
        squared, in [0, 1]; None if all cells are equally accurate.
    """

    axis: str
    means: Mapping[float, float]
    share: float | None


def main_effects(table: Mapping[str, Any]) -> list[Effect]:
    """The main effect of every axis of a grid.

    Args:
      table: ``axes`` and ``cells`` of a sweep, as
        :func:`experiments.sweep.table.tabulate` gives them; cells that have diverged do
        not count.

    Returns:
      One effect an axis.
    """
    known = _known(table["cells"])
    accuracies = [cell["accuracy"] for cell in known]
    variance = statistics.pvariance(accuracies) if known else 0.0
    effects = []
    for axis in table["axes"]:
        groups = _by(axis, known)
        means = {
            value: statistics.fmean(c["accuracy"] for c in groups[value])
            for value in sorted(groups)
        }
        fitted = [means[cell[axis]] for cell in known]
        share = statistics.pvariance(fitted) / variance if variance else None
        effects.append(Effect(axis, means, share))
    return effects


def gain_of_time(cells: Sequence[Mapping[str, Any]]) -> dict[float, float]:
    """How much better cells that use time are than others of the same threshold.

    Whether a neuron uses time depends on its threshold, and so does accuracy: without
    the pairing one is taken for the other.

    Args:
      cells: cells of a sweep with an axis ``u_th``, as
        :func:`experiments.sweep.table.tabulate` gives them; those that have diverged do
        not count.

    Returns:
      Difference of the mean accuracies by threshold, for thresholds with cells of both
      kinds.
    """
    gains = {}
    for threshold, group in sorted(_by("u_th", _known(cells)).items()):
        kinds = _by("uses_time", group)
        if len(kinds) == 2:
            used, unused = (
                statistics.fmean(c["accuracy"] for c in kinds[kind])
                for kind in (True, False)
            )
            gains[threshold] = used - unused
    return gains


def lines(named: Mapping[str, Sequence[Effect]]) -> list[str]:
    """Main effects as a table of Markdown, a row for each axis of each sweep.

    Args:
      named: the effects by what stands in the first column.

    Returns:
      The table; the values of all axes are its columns.
    """
    values = sorted({v for effects in named.values() for e in effects for v in e.means})
    rows = [
        [name, effect.axis, markdown.percent(effect.share)]
        + [markdown.percent(effect.means.get(value)) for value in values]
        for name, effects in named.items()
        for effect in effects
    ]
    head = ["neuron", "axis", "share of the variance, %", *(f"{v:g}" for v in values)]
    return markdown.table(head, rows, left=2)


def _known(cells):
    return [cell for cell in cells if cell["accuracy"] is not None]


def _by(key, cells):
    groups: dict[Any, list[Mapping[str, Any]]] = {}
    for cell in cells:
        groups.setdefault(cell[key], []).append(cell)
    return groups
