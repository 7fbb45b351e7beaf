"""Neurons over time: the one scan over the time axis.

Layers without state see time folded into the batch; only the neurons loop over it.
Arrays are time-major, ``[T, ...]``.
"""

import functools

import jax
import jax.numpy as jnp

from qifjax import neurons
from qifjax.barrier import computed_once
from qifjax.neurons import NeuronParams
from qifjax.surrogate import Window
from qifjax.validation import validate

# Unrolled whole, sequences fuse over time, which is several times faster on CPU than a
# loop, but takes the longer to compile.
_LONGEST_UNROLLED, _LONGEST_WHOLE = 32, 16
# Of so many steps at most, each is computed again from the first for all that uses it,
# and so many arrays at most XLA joins without a copy of them.
_LONGEST_FUSED, _MOST_JOINED = 5, 8


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
    group = _group(len(currents))
    if len(currents) > _LONGEST_UNROLLED or group > _LONGEST_WHOLE:
        return jax.lax.scan(body, u0, currents)
    u, spikes = u0, []
    for step, current in enumerate(_parted(currents)):
        if step and step % group == 0:
            u = computed_once(u)
        u, fired = body(u, current)
        spikes.append(fired)
    return u, _joined(spikes)


def _group(steps):
    """So many steps are fused; sequences that are not divisible are fused whole.

    Other backends than CPU respect no barrier between groups, and are not measured.
    """
    if steps <= _MOST_JOINED or jax.default_backend() != "cpu":
        return steps
    sizes = range(_LONGEST_FUSED, 1, -1)
    return next((size for size in sizes if steps % size == 0), steps)


# The transposes of one another, which JAX would make of slices and sums.


@jax.custom_vjp
def _parted(x):
    """The steps of ``x``, ``[T, ...]``, a list of arrays ``[...]``."""
    return list(x)


@jax.custom_vjp
def _joined(steps):
    """Steps ``[...]``, put together to ``[T, ...]``."""
    group = _group(len(steps))
    groups = [jnp.stack(steps[i : i + group]) for i in range(0, len(steps), group)]
    return jnp.stack(groups).reshape(-1, *steps[0].shape)


_parted.defvjp(lambda x: (_parted(x), None), lambda _, steps: (_joined(steps),))
_joined.defvjp(lambda steps: (_joined(steps), None), lambda _, x: (_parted(x),))
