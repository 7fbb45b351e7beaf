"""Surrogate windows by name, and the one that a population measures itself."""

from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
from flax import linen

from qifjax import windows
from qifjax.neurons import NeuronParams
from qifjax.surrogate import Window
from qifjax.unroll import potentials

WindowName: TypeAlias = Literal["analytic", "centred", "unit_area", "empirical"]
"""``"analytic"``: the neuron's own (eq. 16 for QIF, eq. 5 for LIF); ``"centred"`` and
``"unit_area"``: see :mod:`qifjax.windows`; ``"empirical"``: see
:class:`MeasuredWindow`."""

EMPIRICAL: Final = "empirical"
WindowRule: TypeAlias = Window | Callable[[NeuronParams], Window] | None
"""A window, a function of a population's neuron parameters, or the parameters' own."""
WindowChoice: TypeAlias = WindowRule | Literal["empirical"]
"""What a network takes: one rule for all populations, or what each measures."""

_BY_NAME: dict[str, WindowChoice] = {
    "analytic": None,
    "centred": windows.centred,
    "unit_area": windows.unit_area,
    EMPIRICAL: EMPIRICAL,
}


def named_window(name: WindowName) -> WindowChoice:
    """The window of a name, as networks take it.

    Args:
      name: see :data:`WindowName`.

    Returns:
      What ``apply`` takes as ``window``.

    Raises:
      ValueError: for another name; the message lists them.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        known = ", ".join(get_args(WindowName))
        raise ValueError(f"unknown window {name!r} (known: {known})") from None


class MeasuredWindow(linen.Module):
    """Height 1 within one deviation of the mean that a population's membrane has had.

    The counterpart of eq. 16 without Theorem 1: the moments are of all neurons of the
    population, over time and batch, and running as those of
    :class:`~qifjax.nn.TDBatchNorm` (the plain mean of the first batches, then a moving
    one). No gradient flows through them.

    Attributes:
      axis_name: pmap axis over which moments are averaged, if any.
      momentum: weight of the old moments.

    Collections: ``batch_stats`` holds mean, mean square and the number of batches seen,
      float32 ``[]``.
    """

    axis_name: str | None = None
    momentum: float = 0.9

    @linen.compact
    def __call__(
        self, currents: jax.Array, neuron: NeuronParams, train: bool
    ) -> Window:
        """The window so far; training measures the currents ``[T, B, ...]`` first.

        Raises:
          ValueError: if there are no moments, and none may be written.
        """
        known = self.has_variable("batch_stats", "seen")
        if not known and not self.is_mutable_collection("batch_stats"):
            raise ValueError(
                "the empirical window needs moments that were measured in training, "
                "but the variables hold none; initialise and train with this window"
            )
        start = (), jnp.float32
        mean = self.variable("batch_stats", "mean", jnp.zeros, *start)
        square = self.variable("batch_stats", "square", jnp.ones, *start)
        seen = self.variable("batch_stats", "seen", jnp.zeros, *start)
        if train and not self.is_initializing():
            u = jax.lax.stop_gradient(potentials(neuron, currents)).astype(jnp.float32)
            moments = jnp.mean(u), jnp.mean(jnp.square(u))
            if self.axis_name is not None:
                moments = jax.lax.pmean(moments, self.axis_name)
            keep = jnp.minimum(self.momentum, seen.value / (seen.value + 1))
            seen.value += 1
            for running, new in zip((mean, square), moments, strict=True):
                running.value = keep * running.value + (1 - keep) * new
        deviation = jnp.sqrt(jnp.maximum(square.value - mean.value**2, 0))
        return Window(mean.value - deviation, mean.value + deviation, 1.0)
