"""The figure of a comparison, and its parts for others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import figure as figures
from experiments.comparison import Comparison, Spread, Summary


def draw(comparison: Comparison, path: Path) -> None:
    """Draws learning curves, firing rates and energies to a PNG file.

    Args:
      comparison: what to draw.
      path: the file, which appears only when it is complete.

    Raises:
      DataError: if matplotlib is not installed.
    """
    figure = figures.new(11, 3.4)
    axes, rates, energies = figure.subplots(1, 3)
    summaries = comparison.labelled()
    colours = figures.colours(list(comparison.summaries))
    curves(axes, summaries, colours)
    axes.legend(frameon=False)
    axes.set_ylabel(f"{comparison.evaluated_on} accuracy (%)")
    bars(rates, summaries, colours, "firing_rate")
    rates.set_ylabel("spikes per neuron and step")
    bars(energies, summaries, colours, "energy_mj")
    energies.set_ylabel("energy of an example (mJ)")
    energies.set_yscale("log")
    figure.suptitle(f"{comparison.name}, {len(comparison.seeds)} seed(s)", fontsize=10)
    figures.save(figure, path, dpi=150)


def curves(axes: Any, summaries: Mapping[str, Summary], colours: Sequence[str]) -> None:
    """Draws learning curves: the mean over seeds, and its deviation as a band.

    Args:
      axes: the matplotlib axes to draw into.
      summaries: the curves, by their titles.
      colours: the colour of each.
    """
    for colour, (title, summary) in zip(colours, summaries.items(), strict=True):
        epochs = range(1, len(summary.curve) + 1)
        means = [point.mean * 100 for point in summary.curve]
        axes.plot(epochs, means, color=colour, marker=".", label=title)
        errors = [_error(point) * 100 for point in summary.curve]
        low = [mean - error for mean, error in zip(means, errors, strict=True)]
        high = [mean + error for mean, error in zip(means, errors, strict=True)]
        axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")


def bars(
    axes: Any, summaries: Mapping[str, Summary], colours: Sequence[str], name: str
) -> None:
    """Draws a number of every layer, with its deviation over seeds.

    Args:
      axes: the matplotlib axes to draw into.
      summaries: the bars of a layer, by their titles.
      colours: the colour of each.
      name: the number: a field of the summaries that is by layer.
    """
    width = 0.8 / len(summaries)
    for k, (title, summary) in enumerate(summaries.items()):
        layers: dict[str, Spread] = getattr(summary, name)
        places = [i + (k + 0.5) * width - 0.4 for i in range(len(layers))]
        axes.bar(
            places,
            [spread.mean for spread in layers.values()],
            width,
            yerr=[_error(spread) for spread in layers.values()],
            color=colours[k],
            label=title,
            error_kw={"elinewidth": 1},
        )
        axes.set_xticks(range(len(layers)), list(layers), rotation=30, ha="right")


def _error(spread: Spread) -> float:
    return spread.deviation or 0.0
