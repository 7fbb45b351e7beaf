"""Statistics of a population of neurons: its spikes and its membrane."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from qifjax.neurons import NeuronParams
from qifjax.surrogate import Window
from qifjax.unroll import potentials

HISTOGRAM_BINS = 64
HISTOGRAM_RANGE = 4.0


class PopulationStatistics(NamedTuple):
    """One population over a batch and all time steps, float32.

    The membrane is the potential that is compared with the threshold, before the reset:
    what the surrogate window sees.

    Attributes:
      rate: spikes per neuron and step.
      silent: share of neurons without any spike in the whole batch.
      always: share of neurons with a spike in every example at every step.
      changes: share of spikes that are not as at the step before, over all steps but
        the first; 0 where T = 1.
      mean: mean of the membrane, in membrane units.
      variance: its variance.
      inside: share of the membrane inside the surrogate window, which alone passes
        gradient.
      inside_spiking: the same share of the membrane that spikes; NaN where none does.
      inside_silent: the same share of the membrane that does not; NaN where all does.
      u_th: the threshold, in membrane units.
      lower: lower edge of the window, in membrane units.
      upper: upper edge of the window, in membrane units.
      histogram: share of the membrane in each of 64 bins ``[64]`` of equal width from
        ``-4 u_th`` to ``4 u_th``; what lies further out counts into the end bins.
    """

    rate: jax.Array
    silent: jax.Array
    always: jax.Array
    changes: jax.Array
    mean: jax.Array
    variance: jax.Array
    inside: jax.Array
    inside_spiking: jax.Array
    inside_silent: jax.Array
    u_th: jax.Array
    lower: jax.Array
    upper: jax.Array
    histogram: jax.Array


def population_statistics(
    neuron: NeuronParams, currents: jax.Array, spikes: jax.Array, window: Window
) -> PopulationStatistics:
    """Statistics of a population whose input and output are known.

    Args:
      neuron: its parameters.
      currents: its input, ``[T, B, ...]``.
      spikes: its output, ``[T, B, ...]``.
      window: its surrogate window.

    Returns:
      The statistics.
    """
    u = potentials(neuron, currents).astype(jnp.float32)
    fired = spikes.astype(jnp.float32)
    inside = (window.lower <= u) & (u <= window.upper)
    relative = (u / neuron.u_th).astype(jnp.float32)
    bins_a_unit = HISTOGRAM_BINS / (2 * HISTOGRAM_RANGE)
    positions = jnp.floor((relative + HISTOGRAM_RANGE) * bins_a_unit)
    positions = jnp.clip(positions, 0, HISTOGRAM_BINS - 1).astype(jnp.int32)
    counts = jnp.bincount(positions.ravel(), length=HISTOGRAM_BINS)
    return PopulationStatistics(
        rate=jnp.mean(fired),
        silent=_share(jnp.max(fired, (0, 1)) == 0),
        always=_share(jnp.min(fired, (0, 1)) == 1),
        changes=_share(fired[1:] != fired[:-1]) if len(fired) > 1 else jnp.float32(0),
        mean=jnp.mean(u),
        variance=jnp.var(u),
        inside=_share(inside),
        inside_spiking=_share_of(inside, fired == 1),
        inside_silent=_share_of(inside, fired == 0),
        u_th=jnp.mean(jnp.asarray(neuron.u_th, jnp.float32)),
        lower=jnp.mean(jnp.asarray(window.lower, jnp.float32)),
        upper=jnp.mean(jnp.asarray(window.upper, jnp.float32)),
        histogram=counts.astype(jnp.float32) / u.size,
    )


def _share(holds):
    return jnp.mean(holds, dtype=jnp.float32)


def _share_of(holds, group):
    """Share of a group for which something holds; NaN of an empty one."""
    return _share(holds & group) / _share(group)
