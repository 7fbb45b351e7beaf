"""Training curves (the paper's Figures 2, 4, 17, 20, ...)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments import figure as figures
from experiments.trained import Trained


def numbers(networks: Sequence[Trained]) -> dict[str, Any]:
    """Loss and accuracy after every epoch, as the runs have saved them.

    Args:
      networks: one or more networks.

    Returns:
      Plain values: for each run its name, its neuron, the split it is scored on and the
      curves; training scores are means over the epoch, before each step.
    """
    return {
        "runs": [
            {
                "run": network.name,
                "neuron": network.config.neuron,
                "split": network.config.evaluate_on,
                **{
                    name: [entry[name] for entry in network.folder.metrics()]
                    for name in ("train_loss", "loss", "train_accuracy", "accuracy")
                },
            }
            for network in networks
        ]
    }


def sentence(content: dict[str, Any]) -> str:
    """Whether the paper's claim holds for these runs."""
    curves = {run["neuron"]: run["accuracy"] for run in content["runs"]}
    last = ", ".join(
        f"{run['run']} {100 * run['accuracy'][-1]:.2f} %" for run in content["runs"]
    )
    if not {"qif", "lif"} <= set(curves):
        return f"Accuracy at the end: {last}."
    pairs = list(zip(curves["qif"], curves["lif"], strict=False))
    ahead = sum(qif > lif for qif, lif in pairs)
    return (
        f"Accuracy at the end: {last}. The paper: QIF converges faster; here it is "
        f"ahead after {ahead} of {len(pairs)} epochs."
    )


def draw(content: dict[str, Any], path: Path) -> None:
    """Draws loss and accuracy, training dashed and evaluation full.

    Args:
      content: what :func:`numbers` gives.
      path: the PNG file.
    """
    figure = figures.new(9, 3.4)
    losses, accuracies = figure.subplots(1, 2)
    runs = content["runs"]
    colours = figures.colours([run["neuron"] for run in runs])
    for run, colour in zip(runs, colours, strict=True):
        epochs = range(1, len(run["loss"]) + 1)
        for axes, name, scale in ((losses, "loss", 1), (accuracies, "accuracy", 100)):
            for kind, style in (("train_", "--"), ("", "-")):
                values = [scale * value for value in run[kind + name]]
                split = "training" if kind else run["split"]
                axes.plot(
                    epochs,
                    values,
                    style,
                    color=colour,
                    marker="." if len(epochs) <= 30 else None,
                    label=f"{run['run']}, {split}",
                )
    for axes, label in ((losses, "cross-entropy (nats)"), (accuracies, "accuracy (%)")):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
    accuracies.legend(frameon=False, fontsize=8)
    figures.save(figure, path, dpi=150)
