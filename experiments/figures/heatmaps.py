"""Accuracy over a grid (the paper's Figures 6 and 7), and against energy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments import figure as figures
from experiments.run_folder import RunError


def draw(content: Mapping[str, Any], path: Path) -> None:
    """Draws a map for each value of the last axis but two, and a Pareto plot.

    Args:
      content: ``axes``, ``cells`` and ``sample`` of a sweep; of more than three axes,
        the first ones are averaged over. The points of a sample make one map.
      path: the PNG file.
    """
    axes = content["axes"]
    # What has diverged has no accuracy and no place in a figure.
    cells = [cell for cell in content["cells"] if cell["accuracy"] is not None]
    if not cells:
        raise RunError("every cell of the sweep has diverged; there is nothing to draw")
    shown = ([None] * 3 + list(axes))[-3:]
    draw_map = _map
    if content["sample"]:
        shown[0], draw_map = None, _points
    panels = sorted({cell[shown[0]] for cell in cells}) if shown[0] else [None]
    width = 2.9 * (len(panels) + 1.3)
    figure = figures.new(width, 3.3)
    places = figure.subplots(1, len(panels) + 1)
    accuracies = np.asarray([100 * cell["accuracy"] for cell in cells])
    low, high = float(accuracies.min()), float(accuracies.max())
    for place, value in zip(places, panels, strict=False):
        chosen = [cell for cell in cells if value is None or cell[shown[0]] == value]
        image = draw_map(place, chosen, shown[1], shown[2], low, high)
        if value is not None:
            place.set_title(f"{shown[0]} = {value:g}", fontsize=9)
    bar = figure.colorbar(image, ax=list(places[: len(panels)]), shrink=0.85)
    bar.set_label("accuracy (%)", fontsize=8)
    _pareto(places[-1], cells)
    figures.save(figure, path, dpi=130)


def _map(
    place: Any, cells: Any, rows: str | None, columns: str, low: float, high: float
):
    ys = sorted({cell[rows] for cell in cells}) if rows else [0.0]
    xs = sorted({cell[columns] for cell in cells})
    grid = np.full((len(ys), len(xs)), np.nan)
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            here = [
                100 * cell["accuracy"]
                for cell in cells
                if cell[columns] == x and (rows is None or cell[rows] == y)
            ]
            if here:
                grid[i, j] = np.mean(here)
    image = place.imshow(
        grid, origin="lower", cmap="viridis", vmin=low, vmax=high, aspect="auto"
    )
    middle = (low + high) / 2
    for (i, j), value in np.ndenumerate(grid):
        text = "-" if np.isnan(value) else f"{value:.1f}"
        colour = "white" if np.isnan(value) or value < middle else "black"
        place.text(j, i, text, ha="center", va="center", fontsize=6.5, color=colour)
    place.set_xticks(range(len(xs)), [f"{x:g}" for x in xs], fontsize=8)
    place.set_yticks(
        range(len(ys)), [f"{y:g}" for y in ys] if rows else [""], fontsize=8
    )
    place.set_xlabel(columns, fontsize=9)
    place.set_ylabel(rows or "", fontsize=9)
    return image


def _points(
    place: Any, cells: Any, rows: str | None, columns: str, low: float, high: float
):
    """Every cell of a sample where it lies; over one axis, by its accuracy."""
    accuracies = [100 * cell["accuracy"] for cell in cells]
    image = place.scatter(
        [cell[columns] for cell in cells],
        [cell[rows] for cell in cells] if rows else accuracies,
        c=accuracies,
        cmap="viridis",
        vmin=low,
        vmax=high,
        s=14,
    )
    place.set_xlabel(columns, fontsize=9)
    place.set_ylabel(rows or "accuracy (%)", fontsize=9)
    place.tick_params(labelsize=8)
    return image


def _pareto(place: Any, cells: Any) -> None:
    """Every cell, and the line of those that no other beats in both."""
    points = sorted((1000 * c["energy_mj"], 100 * c["accuracy"]) for c in cells)
    front: list[tuple[float, float]] = []
    for energy, accuracy in points:
        if accuracy > (front[-1][1] if front else -np.inf):
            front.append((energy, accuracy))
    for used, colour, label in (
        (True, figures.BLUE, "uses time"),
        (False, figures.ORANGE, "repeats its first step"),
    ):
        chosen = [c for c in cells if c["uses_time"] == used]
        if chosen:
            place.plot(
                [1000 * c["energy_mj"] for c in chosen],
                [100 * c["accuracy"] for c in chosen],
                "o",
                markersize=4,
                color=colour,
                label=label,
            )
    place.step(*zip(*front, strict=True), where="post", color="0.4", linewidth=1)
    place.set_xlabel("energy of an example (µJ)", fontsize=9)
    place.set_ylabel("accuracy (%)", fontsize=9)
    place.legend(frameon=False, fontsize=7.5)
