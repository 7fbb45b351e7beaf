"""Figures: made without a display, and never half-written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qifjax.data import DataError

# Okabe and Ito's, which the colour-blind tell apart.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY_BLUE = "#56B4E9"
_OF_NEURON = {"qif": BLUE, "lif": ORANGE, "euler_qif": GREEN}


def colours(neurons: Sequence[str]) -> list[str]:
    """A colour for each run of a figure: its neuron model's, where that is free.

    Args:
      neurons: neuron models of at most five runs.

    Returns:
      As many different colours.
    """
    free = [PURPLE, GREEN, ORANGE, BLUE, SKY_BLUE]
    chosen: list[str] = []
    for neuron in neurons:
        own = _OF_NEURON[neuron]
        chosen.append(own if own in free else free[0])
        free.remove(chosen[-1])
    return chosen


def new(width: float, height: float) -> Any:
    """An empty figure.

    Args:
      width: width in inches.
      height: height in inches.

    Returns:
      The matplotlib figure, on a white page.

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
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def save(figure: Any, path: Path, dpi: int) -> None:
    """Writes a figure to a PNG file that appears only when it is complete.

    Args:
      figure: the figure.
      path: the file; its folder is made.
      dpi: pixels an inch.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(partial, dpi=dpi, format="png")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
