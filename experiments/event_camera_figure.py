"""The figures of the comparison of simulated and recorded events."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments import figure as figures

_COLOURS = (figures.BLUE, figures.ORANGE)
_STYLES = ("-", "--")
_PANELS = {
    "events": "events per recording",
    "on_share_percent": "ON events (%)",
    "events_per_active_pixel": "events per active pixel",
    "active_pixels_percent": "pixels with an event (%)",
    "std_x_px": "standard deviation of x (pixels)",
    "std_y_px": "standard deviation of y (pixels)",
}
_SACCADES = {"saccade 1": (0, 100_000), "saccade 3": (200_000, 320_000)}
_SIZE = 34


def draw_statistics(statistics: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draws histograms of all quantities and the rate of events to a PNG file.

    Args:
      statistics: ``values`` and ``rate`` by name of the data set.
      path: the file, which appears only when it is complete.

    Raises:
      DataError: if matplotlib is not installed.
    """
    figure = figures.new(11, 8)
    grid = figure.add_gridspec(3, 3)
    first = grid[0, :].subgridspec(1, 1).subplots()
    for (name, found), colour, style in zip(
        statistics.items(), _COLOURS, _STYLES, strict=True
    ):
        number = len(found["values"]["events"])
        times = 10 * np.arange(len(found["rate"]) + 1)
        label = f"{name} ({number:,} recordings)"
        first.stairs(found["rate"], times, color=colour, ls=style, lw=1.6, label=label)
    first.set_xlabel("time (ms)")
    first.set_ylabel("events per 10 ms")
    first.set_xlim(0, times[-1])
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    for place, (quantity, label) in enumerate(_PANELS.items()):
        axes = figure.add_subplot(grid[1 + place // 3, place % 3])
        _histograms(axes, {k: v["values"][quantity] for k, v in statistics.items()})
        axes.set_xlabel(label)
        axes.set_ylabel("recordings (%)")
    figure.suptitle(
        "Recorded N-MNIST and simulated digits_dvs: the same classes, other images; "
        "triangles above mark medians",
        fontsize=10,
    )
    figures.save(figure, path, dpi=130)


def draw_frames(recordings: Mapping[str, Sequence[np.ndarray]], path: Path) -> None:
    """Draws the events of a recording of each class, saccade by saccade.

    Args:
      recordings: ten arrays of events by name of the data set.
      path: the PNG file.

    Raises:
      DataError: if matplotlib is not installed.
    """
    from matplotlib.colors import LinearSegmentedColormap

    figure = figures.new(11, 4.7)
    colours = LinearSegmentedColormap.from_list(
        "", [_COLOURS[1], "#FFFFFF", _COLOURS[0]]
    )
    rows = [(s, name) for s in _SACCADES for name in recordings]
    axes = figure.subplots(len(rows), 10)
    for digit, ax in enumerate(axes[0]):
        ax.set_title(f"class {digit}", fontsize=9)
    for row, (saccade, name) in zip(axes, rows, strict=True):
        for ax, events in zip(row, recordings[name], strict=True):
            image = ax.imshow(
                _signed(events, *_SACCADES[saccade]), cmap=colours, vmin=-6, vmax=6
            )
            ax.set_xticks([])
            ax.set_yticks([])
        row[0].set_ylabel(f"{name}\n{saccade}", fontsize=8)
    figure.colorbar(
        image, ax=axes, label="ON less OFF events", shrink=0.8, extend="both"
    )
    figures.save(figure, path, dpi=130)


def _histograms(axes, samples: Mapping[str, np.ndarray]) -> None:
    low, high = np.percentile(np.concatenate(list(samples.values())), (0.2, 99.8))
    edges = np.linspace(low, high, 41)
    for values, colour, style in zip(samples.values(), _COLOURS, _STYLES, strict=True):
        share = 100 * np.histogram(values, edges)[0] / len(values)
        axes.stairs(share, edges, color=colour, ls=style, lw=1.4)
        axes.stairs(share, edges, color=colour, fill=True, alpha=0.15)
        axes.plot(
            np.median(values),
            1.0,
            marker="v",
            color=colour,
            clip_on=False,
            transform=axes.get_xaxis_transform(),
        )


def _signed(events: np.ndarray, start: int, end: int) -> np.ndarray:
    """ON less OFF events of each pixel between two times."""
    seen = events[(events["t"] >= start) & (events["t"] < end)]
    image = np.zeros((_SIZE, _SIZE))
    np.add.at(image, (seen["y"], seen["x"]), np.where(seen["p"], 1, -1))
    return image
