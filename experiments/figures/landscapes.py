"""Loss landscapes as contours and surfaces (the paper's Figures 15 to 36)."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments import figure as figures

_LEVELS = 15


def draw(content: dict[str, Any], path: Path) -> None:
    """Draws contours above surfaces, the runs side by side on one colour scale.

    Args:
      content: ``coordinates`` ``[P]`` and for each of the ``runs`` its name and its
        ``losses`` ``[P, P]``.
      path: the PNG file.
    """
    runs = content["runs"]
    x = np.asarray(content["coordinates"])
    grids = [np.asarray(run["losses"]) for run in runs]
    low = min(float(np.min(grid)) for grid in grids)
    high = max(float(np.max(grid)) for grid in grids)
    levels = np.linspace(low, high, _LEVELS)
    figure = figures.new(4.6 * len(runs) + 0.8, 8.2)
    flat = figure.subplots(2, len(runs), squeeze=False)
    for k, (run, grid) in enumerate(zip(runs, grids, strict=True)):
        axes = flat[0][k]
        shown = axes.contourf(x, x, grid, levels, cmap="viridis")
        lines = axes.contour(x, x, grid, levels, colors="white", linewidths=0.5)
        axes.clabel(lines, lines.levels[::3], fmt="%.1f", fontsize=7)
        axes.plot(0, 0, "+", color="white")
        axes.set_title(run["run"], fontsize=9)
        axes.set_aspect("equal")
        axes.xaxis.get_major_locator().set_params(nbins=5)
        axes.yaxis.get_major_locator().set_params(nbins=5)
        axes.set_xlabel("first direction (lengths of filters)", fontsize=8)
        axes.set_ylabel("second direction (lengths of filters)", fontsize=8)
        place = flat[1][k].get_subplotspec()
        flat[1][k].remove()
        surface = figure.add_subplot(place, projection="3d")
        surface.plot_surface(
            *np.meshgrid(x, x), grid, cmap="viridis", vmin=low, vmax=high, linewidth=0
        )
        surface.set_zlim(low, high)
        surface.set_xlabel("first direction", fontsize=8)
        surface.set_ylabel("second direction", fontsize=8)
        surface.set_zlabel("cross-entropy (nats)", fontsize=8)
        surface.tick_params(labelsize=7)
        surface.xaxis.get_major_locator().set_params(nbins=5)
        surface.yaxis.get_major_locator().set_params(nbins=5)
    bar = figure.colorbar(shown, ax=list(flat[0]), shrink=0.9, format="%.1f")
    bar.set_label("cross-entropy (nats)", fontsize=8)
    figures.save(figure, path, dpi=130)
