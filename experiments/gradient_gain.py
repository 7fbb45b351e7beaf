"""Do gradients grow or fade with depth?: python -m experiments.gradient_gain."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from experiments import cli, markdown, provenance
from experiments.config import ConfigError
from experiments.run_folder import write_report
from qifjax import LIFParams, NeuronParams, QIFParams, neurons, nn, unroll, windows
from qifjax.surrogate import Window

SCHEMA_VERSION = 1
SEED = 0
_NEURONS: dict[str, NeuronParams] = {"qif": QIFParams(), "lif": LIFParams()}
_WINDOWS = {
    "analytic": neurons.window,
    "centred": windows.centred,
    "unit_area": windows.unit_area,
}
# The depth of ResNet-34 in populations.
_DEEP = 33


@dataclass(frozen=True)
class GradientGain:
    """Measure how gradients grow or fade with depth, before any training.

    A chain of dense layers with random weights, each with tdBN and neurons, sees normal
    noise. The gain is what the mean square of a gradient is multiplied by from the
    currents of one population to those of the one in front of it.

    Attributes:
      timesteps: numbers of time steps.
      windows: surrogate windows, see experiments.train.
      depth: number of layers.
      width: neurons of a layer.
      batch: examples.
      out: JSON file to write; the page goes beside it.
    """

    timesteps: tuple[int, ...] = (1, 2, 4)
    windows: tuple[Literal["analytic", "centred", "unit_area"], ...] = (
        "analytic",
        "centred",
        "unit_area",
    )
    depth: int = 12
    width: int = 256
    batch: int = 256
    out: Path = Path("runs/gradient_gain.json")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.gradient_gain"
        options = cli.parse(GradientGain, argv, program)
        report = {
            "schema_version": SCHEMA_VERSION,
            "command": cli.command(program, argv),
            **provenance.describe(),
            "depth": options.depth,
            "rows": rows(options),
        }
        text = page(report)
        write_report(options.out, report, text)
        print(f"{text}\n{options.out.with_suffix('.md')}")


def rows(options: GradientGain) -> list[dict[str, Any]]:
    """The gain of each neuron with each window at each number of steps.

    Args:
      options: what to measure.

    Returns:
      Plain values; ``predicted`` is None for more than one time step. A window that is
      the analytic one by another name has no row.

    Raises:
      ConfigError: for sizes that leave nothing to measure.
    """
    for name, least in (("depth", 4), ("width", 2), ("batch", 2)):
        if (given := getattr(options, name)) < least:
            raise ConfigError(f"--{name} must be at least {least}, got {given}")
    if min(options.timesteps, default=0) < 1:
        raise ConfigError(f"--timesteps must be at least 1, got {options.timesteps}")
    if not options.windows:
        raise ConfigError(f"--windows needs one or more of {', '.join(_WINDOWS)}")
    found = []
    chosen = itertools.product(_NEURONS.items(), options.windows, options.timesteps)
    for (name, params), window_name, T in chosen:
        window = _WINDOWS[window_name](params)
        if window_name != "analytic" and _same(window, neurons.window(params)):
            continue
        gain, rate = measure(
            params, window, T, options.depth, options.width, options.batch
        )
        found.append(
            {
                "neuron": name,
                "window": window_name,
                "timesteps": T,
                "predicted": predict(params, window) if T == 1 else None,
                "gain": gain,
                "rate": rate,
            }
        )
    return found


def _same(one: Window, other: Window) -> bool:
    return all(np.allclose(a, b) for a, b in zip(one, other, strict=True))


def predict(params: NeuronParams, window: Window) -> float:
    r"""The gain of one time step from rest, in the limit of wide layers.

    .. math:: \frac{u_{th}^2 \, h^2 \, P(lower < u < upper)}{r (1 - r)}

    for currents :math:`N(0, u_{th}^2)`, which tdBN makes of spikes of rate r by
    dividing by the deviation, :math:`\propto \sqrt{r (1 - r)}` behind random weights.

    Args:
      params: neuron parameters, with a membrane that rests at 0.
      window: the surrogate window, of height h.

    Returns:
      The gain; 1 keeps gradients as they are.
    """
    u_th = float(params.u_th)
    low, high, threshold = (
        norm.cdf(np.asarray(u, np.float32) / u_th)
        for u in (window.lower, window.upper, u_th)
    )
    rate = 1 - threshold
    inside = float(window.height) ** 2 * (high - low)
    return float(u_th**2 * inside / (rate * (1 - rate)))


def measure(
    params: NeuronParams, window: Window, T: int, depth: int, width: int, batch: int
) -> tuple[float, float]:
    """The gain and the firing rate, by one backward pass.

    Args:
      params: neuron parameters.
      window: the surrogate window.
      T: number of time steps, with the same noise in each.
      depth: number of layers.
      width: neurons of a layer.
      batch: examples.

    Returns:
      The geometric mean of the gain over all but the first and the last layer, whose
      inputs are no spikes and whose gradients come from no layer; and the rate of the
      spikes of the last.
    """
    rng = np.random.default_rng(SEED)

    def normal(*shape):
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    weights = normal(depth, width, width)
    noise = jnp.broadcast_to(normal(batch, width), (T, batch, width))
    readout = normal(T, batch, width)
    layer = nn.TDBatchNorm(affine=False)
    state = layer.init(jax.random.key(SEED), noise, params.u_th, train=False)

    def outcome(probes):
        spikes = noise
        for weight, probe in zip(weights, probes, strict=True):
            currents, _ = layer.apply(
                state, spikes @ weight, params.u_th, train=True, mutable=["batch_stats"]
            )
            _, spikes = unroll(params, currents + probe, window=window)
        return jnp.sum(spikes * readout), jnp.mean(spikes)

    probes = jnp.zeros((depth, T, batch, width))
    gradients, rate = jax.jit(jax.grad(outcome, has_aux=True))(probes)
    squares = jnp.mean(jnp.square(gradients), (1, 2, 3))[1:-1]
    gain = (squares[0] / squares[-1]) ** (1 / (len(squares) - 1))
    return float(gain), float(rate)


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    head = ("neuron", "window", "T", "rate", "predicted gain", "gain", f"gain^{_DEEP}")
    cells = [
        (
            row["neuron"],
            row["window"],
            str(row["timesteps"]),
            f"{row['rate']:.3f}",
            "" if row["predicted"] is None else f"{row['predicted']:.2f}",
            f"{row['gain']:.2f}",
            f"{row['gain'] ** _DEEP:.1e}",
        )
        for row in report["rows"]
    ]
    return "\n".join(
        [
            "# Gradients and depth",
            "",
            f"A chain of {report['depth']} dense layers with random weights, tdBN and "
            "neurons, at the parameters of the paper, before any training. The *gain* "
            "is what the mean square of the gradient is multiplied by from the "
            "currents of one population to those of the one in front: above 1 "
            "gradients grow towards the input, below 1 they fade. The prediction is "
            "for one step: u_th² times the part of N(0, u_th²) inside the window, "
            "times its height squared, over r (1 - r) for the firing rate r. "
            f"*gain^{_DEEP}* is what becomes of it behind the {_DEEP} populations of "
            "a ResNet-34 without shortcuts.",
            "",
            *markdown.table(head, cells, left=2),
            "",
            markdown.made_by(report),
            "",
        ]
    )


if __name__ == "__main__":
    main()
