"""The figure of a comparison."""

from pathlib import Path

from experiments import figure as figures
from experiments.comparison import Comparison, Spread


def draw(comparison: Comparison, path: Path) -> None:
    """Draws learning curves, firing rates and energies to a PNG file.

    Args:
      comparison: what to draw.
      path: the file, which appears only when it is complete.

    Raises:
      DataError: if matplotlib is not installed.
    """
    figure = figures.new(11, 3.4)
    curves, rates, energies = figure.subplots(1, 3)
    _curves(curves, comparison)
    _bars(rates, comparison, "firing_rate", "spikes per neuron and step")
    _bars(energies, comparison, "energy_mj", "energy of an example (mJ)")
    energies.set_yscale("log")
    figure.suptitle(f"{comparison.name}, {len(comparison.seeds)} seed(s)", fontsize=10)
    figures.save(figure, path, dpi=150)


def _curves(axes, comparison: Comparison) -> None:
    colours = figures.colours(list(comparison.summaries))
    for colour, (neuron, summary) in zip(
        colours, comparison.summaries.items(), strict=True
    ):
        epochs = range(1, len(summary.curve) + 1)
        means = [point.mean * 100 for point in summary.curve]
        label = comparison.titles()[neuron]
        axes.plot(epochs, means, color=colour, marker=".", label=label)
        errors = [_error(point) * 100 for point in summary.curve]
        low = [mean - error for mean, error in zip(means, errors, strict=True)]
        high = [mean + error for mean, error in zip(means, errors, strict=True)]
        axes.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{comparison.evaluated_on} accuracy (%)")
    axes.legend(frameon=False)


def _bars(axes, comparison: Comparison, name: str, label: str) -> None:
    width = 0.8 / len(comparison.summaries)
    colours = figures.colours(list(comparison.summaries))
    for k, (neuron, summary) in enumerate(comparison.summaries.items()):
        layers: dict[str, Spread] = getattr(summary, name)
        places = [i + (k + 0.5) * width - 0.4 for i in range(len(layers))]
        axes.bar(
            places,
            [spread.mean for spread in layers.values()],
            width,
            yerr=[_error(spread) for spread in layers.values()],
            color=colours[k],
            label=comparison.titles()[neuron],
            error_kw={"elinewidth": 1},
        )
        axes.set_xticks(range(len(layers)), list(layers), rotation=30, ha="right")
    axes.set_ylabel(label)


def _error(spread: Spread) -> float:
    return spread.deviation or 0.0
