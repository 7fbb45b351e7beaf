"""The figure of a comparison."""

from pathlib import Path

from experiments.comparison import Comparison, Spread
from qifjax.data import DataError

# Okabe and Ito's colours, which the colour-blind tell apart.
_COLOURS = {"qif": "#0072B2", "lif": "#D55E00", "euler_qif": "#009E73"}


def draw(comparison: Comparison, path: Path) -> None:
    """Draws learning curves, firing rates and energies to a PNG file.

    Args:
      comparison: what to draw.
      path: the file, which appears only when it is complete.

    Raises:
      DataError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DataError(
            f"figures need matplotlib ({error}); install it with: "
            "pip install 'qifjax[figures]'"
        ) from error
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    curves, rates, energies = figure.subplots(1, 3)
    _curves(curves, comparison)
    _bars(rates, comparison, "firing_rate", "spikes per neuron and step")
    _bars(energies, comparison, "energy_mj", "energy of an example (mJ)")
    energies.set_yscale("log")
    figure.suptitle(f"{comparison.name}, {len(comparison.seeds)} seed(s)", fontsize=10)
    partial = path.with_name(path.name + ".partial")
    try:
        figure.savefig(partial, dpi=150, format="png")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _curves(axes, comparison: Comparison) -> None:
    for neuron, summary in comparison.summaries.items():
        epochs = range(1, len(summary.curve) + 1)
        means = [point.mean * 100 for point in summary.curve]
        colour, label = _COLOURS[neuron], comparison.titles()[neuron]
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
    for k, (neuron, summary) in enumerate(comparison.summaries.items()):
        layers: dict[str, Spread] = getattr(summary, name)
        places = [i + (k + 0.5) * width - 0.4 for i in range(len(layers))]
        axes.bar(
            places,
            [spread.mean for spread in layers.values()],
            width,
            yerr=[_error(spread) for spread in layers.values()],
            color=_COLOURS[neuron],
            label=comparison.titles()[neuron],
            error_kw={"elinewidth": 1},
        )
        axes.set_xticks(range(len(layers)), list(layers), rotation=30, ha="right")
    axes.set_ylabel(label)


def _error(spread: Spread) -> float:
    return spread.deviation or 0.0
