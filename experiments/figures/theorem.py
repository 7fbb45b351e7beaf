"""The analytic window against a fixed one, over simulated membranes (Figure 1)."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments import figure as figures
from qifjax import QIFParams, potentials, qif_window, rectangle

PARAMETERS = (
    QIFParams(0.25, 0.0, 0.2, 0.2),
    QIFParams(0.25, 0.0, 0.5, 0.5),
    QIFParams(0.4, 0.4, 1.0, 1.0),
)
"""Narrow, the paper's defaults, and wide and off centre (a at the theorem's limit)."""
_STEPS, _NEURONS, _BINS = 10, 200_000, 80


def numbers() -> dict[str, Any]:
    """Membranes of QIF neurons under N(0, u_th^2), with reset, over ten steps.

    Returns:
      Plain values: for each parameter set the histogram, the analytic window (eq. 16),
      the rectangle of eq. 5 with alpha = 1, and the share of the membrane, and of what
      spikes of it, inside each.
    """
    return {
        "steps": _STEPS,
        "neurons": _NEURONS,
        "sets": [_simulate(params) for params in PARAMETERS],
    }


def _simulate(params: QIFParams) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    currents = rng.normal(0, params.u_th, (_STEPS, _NEURONS)).astype(np.float32)
    u = np.asarray(potentials(params, jnp.asarray(currents))).ravel()
    low, high = np.quantile(u, (0.0005, 0.9995))
    counts, edges = np.histogram(u, _BINS, (low, high))
    windows = {"analytic": qif_window(params), "fixed": rectangle(params.u_th, 1.0)}
    fired = u >= params.u_th
    shares = {}
    for name, window in windows.items():
        inside = (window.lower <= u) & (u <= window.upper)
        shares[name] = {
            "window": [float(window.lower), float(window.upper)],
            "inside": float(inside.mean()),
            "inside_spiking": float(inside[fired].mean()),
        }
    return {
        "params": params._asdict(),
        "density": (counts / u.size / np.diff(edges)).tolist(),
        "edges": edges.tolist(),
        **shares,
    }


def sentence(content: dict[str, Any]) -> str:
    """What each window covers."""
    parts = []
    for found in content["sets"]:
        analytic, fixed = found["analytic"], found["fixed"]
        parts.append(
            f"u_th = {found['params']['u_th']:g}: eq. 16 "
            f"{100 * analytic['inside']:.0f} % of all and "
            f"{100 * analytic['inside_spiking']:.0f} % of those that spike, eq. 5"
            f" {100 * fixed['inside']:.0f} % and "
            f"{100 * fixed['inside_spiking']:.0f} %"
        )
    return (
        f"Of the membranes, the windows cover at {'; at '.join(parts)}. The paper: eq. "
        "16 fits each distribution. It does, and for small thresholds it leaves out "
        "most neurons that spike."
    )


def draw(content: dict[str, Any], path: Path) -> None:
    """Draws a panel for each parameter set.

    Args:
      content: what :func:`numbers` gives.
      path: the PNG file.
    """
    figure = figures.new(11, 3.4)
    panels = figure.subplots(1, len(content["sets"]))
    for axes, found in zip(panels, content["sets"], strict=True):
        axes.stairs(found["density"], found["edges"], fill=True, color="0.8")
        top = max(found["density"])
        styles = (("analytic", figures.BLUE, 1.06), ("fixed", figures.ORANGE, 1.14))
        for name, colour, height in styles:
            kind, (lower, upper) = found[name], found[name]["window"]
            label = (
                f"{'eq. 16' if name == 'analytic' else 'eq. 5, alpha = 1'}: "
                f"{100 * kind['inside']:.0f} % of all, "
                f"{100 * kind['inside_spiking']:.0f} % of spiking"
            )
            bar = top * height
            axes.plot([lower, upper], [bar] * 2, color=colour, linewidth=3, label=label)
            axes.vlines([lower, upper], 0, bar, color=colour, linewidth=0.8)
        u_th = found["params"]["u_th"]
        axes.vlines(u_th, 0, top * 1.2, "black", "dashed", label="threshold")
        title = ", ".join(f"{k} = {v:g}" for k, v in found["params"].items())
        axes.set_title(title, fontsize=9)
        axes.set_ylim(0, top * 1.65)
        axes.set_xlabel("membrane potential")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    panels[0].set_ylabel("density (per membrane unit)")
    figures.save(figure, path, dpi=150)
