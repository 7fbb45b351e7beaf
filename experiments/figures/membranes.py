"""Distribution of the membrane per layer (the paper's Figure 9)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments import figure as figures
from experiments.trained import Trained
from qifjax.nn.statistics import HISTOGRAM_RANGE
from qifjax.training import Examples

_EXAMPLES, _MOST_LAYERS = 512, 6


def numbers(networks: Sequence[Trained]) -> dict[str, Any]:
    """Histograms of the potential that is compared with the threshold.

    Args:
      networks: one or more networks of the same layers.

    Returns:
      Plain values: for each run its name, its neuron, and by layer the histogram (64
      bins of equal width from -4 to 4 thresholds; what lies further out counts into the
      end bins), threshold, window and share above the threshold.
    """
    return {
        "examples": _EXAMPLES,
        "runs": [
            {
                "run": network.name,
                "neuron": network.config.neuron,
                "layers": _layers(network),
            }
            for network in networks
        ],
    }


def _layers(network: Trained) -> dict[str, Any]:
    few = Examples.of(network.experiment.evaluation.spread(_EXAMPLES))
    return {
        name: {
            "histogram": [float(share) for share in found.histogram],
            "u_th": float(found.u_th),
            "window": [float(found.lower), float(found.upper)],
            "above": float(found.rate),
        }
        for name, found in network.populations(few).items()
    }


def sentence(content: dict[str, Any]) -> str:
    """Whether the paper's claim holds for these runs."""
    parts = []
    for run in content["runs"]:
        shares = ", ".join(
            f"{100 * layer['above']:.0f} % of {name}"
            for name, layer in list(run["layers"].items())[:_MOST_LAYERS]
        )
        parts.append(f"{run['run']}: {shares}")
    return (
        f"Above the threshold lie, of {'; of '.join(parts)}. The paper (Figure 9, one "
        "layer of ResNet-19): 16 % for LIF and 4 % for QIF, whose membrane is narrower."
    )


def draw(content: dict[str, Any], path: Path) -> None:
    """Draws a row for each run and a column for each layer, on common scales.

    Of more than six layers, six at equal distances are drawn.

    Args:
      content: what :func:`numbers` gives.
      path: the PNG file.
    """
    runs = content["runs"]
    names = list(runs[0]["layers"])
    if len(names) > _MOST_LAYERS:
        chosen = np.linspace(0, len(names) - 1, _MOST_LAYERS).round().astype(int)
        names = [names[i] for i in chosen]
    figure = figures.new(2.6 * len(names) + 0.8, 2.3 * len(runs) + 0.5)
    grid = figure.subplots(
        len(runs), len(names), sharex=True, sharey=True, squeeze=False
    )
    colours = figures.colours([run["neuron"] for run in runs])
    for row, run, colour in zip(grid, runs, colours, strict=True):
        for axes, name in zip(row, names, strict=True):
            layer = run["layers"][name]
            _panel(axes, layer, colour)
            axes.set_title(f"{name}: {100 * layer['above']:.1f} % spike", fontsize=8.5)
        row[0].set_ylabel(f"{run['run']}\nshare per bin (%)", fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("membrane potential", fontsize=8)
    grid[0][0].legend(frameon=False, fontsize=7.5)
    figures.save(figure, path, dpi=150)


def _panel(axes: Any, layer: dict[str, Any], colour: str) -> None:
    shares = 100 * np.asarray(layer["histogram"])
    reach = HISTOGRAM_RANGE * layer["u_th"]
    edges = np.linspace(-reach, reach, len(shares) + 1)
    axes.axvspan(*layer["window"], color="0.88", label="gets gradient")
    axes.stairs(shares, edges, fill=True, color=colour)
    axes.axvline(layer["u_th"], color="black", linestyle="--", label="threshold")
