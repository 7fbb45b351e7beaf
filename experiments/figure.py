"""Figures: made without a display, and never half-written."""

from pathlib import Path
from typing import Any

from qifjax.data import DataError

# Okabe and Ito's, which the colour-blind tell apart.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


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
