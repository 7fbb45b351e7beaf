"""Neurons over time: the one scan over the time axis.

Layers without state see time folded into the batch; only the neurons loop over it.
Arrays are time-major, ``[T, ...]``.
"""

import functools

import jax
import jax.numpy as jnp

from qifjax import neurons
from qifjax.neurons import NeuronParams
from qifjax.surrogate import Window
from qifjax.validation import validate

# Unrolled whole, short sequences fuse over time: 2 to 10 times faster on CPU at T <=
# 10. Unrolled in part, or long, they were slower to run and to compile than a plain
# loop.
_LONGEST_UNROLLED = 16


def unroll(
    params: NeuronParams,
    currents: jax.Array,
    u0: jax.Array | None = None,
    window: Window | None = None,
    *,
    remat: bool = False,
) -> tuple[jax.Array, jax.Array]:
    """Runs a layer of neurons over all time steps.

    Unrolling ``T`` steps equals unrolling any first part of them and then the rest from
    the returned membrane.

    Args:
      params: neuron parameters; their type selects the dynamics. Fields broadcast
        against one step's current.
      currents: input of every step, ``[T, ...]``, any floating dtype.
      u0: membrane before the first step, ``[...]``; ``None`` starts at ``u_rest``.
      window: surrogate window; ``None`` takes the parameters' own.
      remat: keep only the membrane before each step, beside the currents, and compute
        each step again in the backward pass.

    Returns:
      ``(u_T, spikes)``: the membrane after the last step, ``[...]``, float32 or wider,
      and the spikes of every step, ``[T, ...]``, in the dtype of ``currents``.

    Raises:
      TypeError: if ``params`` is not a neuron parameter tuple or ``currents`` is not
        floating point.
      ValueError: if parameters break a constraint (:func:`qifjax.validate`) or
        ``currents`` has no time axis.
    """
    _check(params, currents)
    return _unroll(params, currents, u0, window, remat)


# Compiled on its own, so that layers of one shape are traced once for all of them.
@functools.partial(jax.jit, static_argnames="remat")
def _unroll(params, currents, u0, window, remat):
    if window is None:
        window = neurons.window(params)

    def body(u, current):
        return neurons.step(params, u, current, window)

    return _scan(jax.checkpoint(body) if remat else body, params, currents, u0)


def potentials(
    params: NeuronParams, currents: jax.Array, u0: jax.Array | None = None
) -> jax.Array:
    """The membrane potentials that are compared with the threshold, of every step.

    These are the potentials after charging and before the reset, whose distribution
    Theorem 1 describes and which the surrogate window sees.

    Args:
      params: neuron parameters.
      currents: input of every step, ``[T, ...]``, any floating dtype.
      u0: membrane before the first step, ``[...]``; ``None`` starts at ``u_rest``.

    Returns:
      Potentials ``[T, ...]``, float32 or wider.

    Raises:
      TypeError, ValueError: as :func:`unroll`.
    """
    _check(params, currents)

    def body(u, current):
        after, _ = neurons.step(params, u, current)
        return after, neurons.charge(params, u, current)

    return _scan(body, params, currents, u0)[1]


def _check(params, currents):
    validate(params)
    if not jnp.issubdtype(currents.dtype, jnp.floating):
        raise TypeError(f"currents must be floating point, got {currents.dtype}")
    if currents.ndim == 0 or currents.shape[0] == 0:
        raise ValueError(
            f"currents must be [T, ...] with T >= 1, got shape {currents.shape}"
        )


def _scan(body, params, currents, u0):
    if u0 is None:
        u0 = neurons.resting(params, currents[0])
    else:
        u0 = u0.astype(neurons.at_least_float32(u0.dtype))
    whole = currents.shape[0] <= _LONGEST_UNROLLED
    return jax.lax.scan(body, u0, currents, unroll=whole)
