"""Firing rate per layer (the paper's Figures 3, 5, 8 and 10 to 14)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments import figure as figures
from experiments.trained import Trained

_MANY_LAYERS = 12


def numbers(networks: Sequence[Trained]) -> dict[str, Any]:
    """Rates over the evaluation set, as the runs have saved them.

    Args:
      networks: one or more networks.

    Returns:
      Plain values: for each run its name, its neuron and the rate of each layer.
    """
    return {
        "runs": [
            {
                "run": network.name,
                "neuron": network.config.neuron,
                "firing_rate": result["firing_rate"],
                "mean_firing_rate": result["mean_firing_rate"],
            }
            for network in networks
            for result in [network.folder.result()]
        ]
    }


def sentence(content: dict[str, Any]) -> str:
    """Whether the paper's claim holds for these runs."""
    rates = {run["neuron"]: 100 * run["mean_firing_rate"] for run in content["runs"]}
    said = ", ".join(
        f"{run['run']} {100 * run['mean_firing_rate']:.1f} %" for run in content["runs"]
    )
    if not {"qif", "lif"} <= set(rates):
        return f"Mean firing rate: {said}."
    less = 100 * (1 - rates["qif"] / rates["lif"])
    return (
        f"Mean firing rate: {said}. The paper: QIF spikes 45.47 % less on average; "
        f"here {abs(less):.1f} % {'less' if less > 0 else 'more'}."
    )


def draw(content: dict[str, Any], path: Path) -> None:
    """Draws bars, the runs side by side.

    Args:
      content: what :func:`numbers` gives.
      path: the PNG file.
    """
    runs = content["runs"]
    layers = list(runs[0]["firing_rate"])
    figure = figures.new(max(5.0, 1.6 + 0.35 * len(layers)), 3.4)
    axes = figure.subplots()
    width = 0.8 / len(runs)
    colours = figures.colours([run["neuron"] for run in runs])
    for k, (run, colour) in enumerate(zip(runs, colours, strict=True)):
        places = [i + (k + 0.5) * width - 0.4 for i in range(len(layers))]
        rates = [100 * run["firing_rate"][layer] for layer in layers]
        label = f"{run['run']} (mean {100 * run['mean_firing_rate']:.1f} %)"
        axes.bar(places, rates, width, color=colour, label=label)
    if len(layers) <= _MANY_LAYERS:
        axes.set_xticks(range(len(layers)), layers, rotation=30, ha="right")
    else:
        axes.set_xlabel("population of neurons, from the input on")
    axes.set_ylabel("spikes per neuron and step (%)")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.25)
    axes.legend(frameon=False, fontsize=8)
    figures.save(figure, path, dpi=150)
