"""Neurons over time: the one scan over the time axis.

Layers without state see time folded into the batch; only the neurons loop over it.
Arrays are time-major, ``[T, ...]``.
"""

import functools
import itertools
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp

from qifjax import neurons
from qifjax.barrier import computed_once
from qifjax.neurons import NeuronParams
from qifjax.surrogate import Window
from qifjax.validation import validate

# Unrolled, sequences fuse over time, which is several times faster on CPU than a loop,
# but takes the longer to compile.
_LONGEST_UNROLLED, _LONGEST_WHOLE = 64, 16
# Of so many steps at most, each is computed again from the first for all that uses it,
# and so many arrays at most XLA joins without a copy of them.
_LONGEST_FUSED, _MOST_JOINED = 5, 8


Join: TypeAlias = Literal["in groups", "at once"]
"""How the steps of a sequence are put together, see :func:`unroll`."""


def unroll(
    params: NeuronParams,
    currents: jax.Array,
    u0: jax.Array | None = None,
    window: Window | None = None,
    *,
    remat: bool = False,
    join: Join = "in groups",
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
      join: how sequences of more than eight steps are put together on CPU:
        ``"in groups"`` is faster for neurons alone, ``"at once"`` within networks.

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
    return _unroll(params, currents, u0, window, remat, join)


# Compiled on its own, so that layers of one shape are traced once for all of them.
@functools.partial(jax.jit, static_argnames=("remat", "join"))
def _unroll(params, currents, u0, window, remat, join):
    if window is None:
        window = neurons.window(params)

    def body(u, current):
        return neurons.step(params, u, current, window)

    return _scan(jax.checkpoint(body) if remat else body, params, currents, u0, join)


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

    return _scan(body, params, currents, u0, "in groups")[1]


def _check(params, currents):
    validate(params)
    if not jnp.issubdtype(currents.dtype, jnp.floating):
        raise TypeError(f"currents must be floating point, got {currents.dtype}")
    if currents.ndim == 0 or currents.shape[0] == 0:
        raise ValueError(
            f"currents must be [T, ...] with T >= 1, got shape {currents.shape}"
        )


def _scan(body, params, currents, u0, join):
    if u0 is None:
        u0 = neurons.resting(params, currents[0])
    else:
        u0 = u0.astype(neurons.at_least_float32(u0.dtype))
    groups = _groups(len(currents))
    if len(currents) > _LONGEST_UNROLLED or max(groups) > _LONGEST_WHOLE:
        # A loop would keep all that the backward pass needs of a step, for every step.
        return jax.lax.scan(jax.checkpoint(body), u0, currents)
    barriers = set(itertools.accumulate(groups))
    u, outputs = u0, []
    for step, current in enumerate(_parted(currents, join)):
        if step in barriers:
            u = computed_once(u)
        u, output = body(u, current)
        outputs.append(output)
    return u, _joined(outputs, join)


def _groups(steps):
    """Sizes of the groups of steps that are fused, equal ones where there are such.

    Other backends than CPU respect no barrier between groups, and are not measured.
    """
    if steps <= _MOST_JOINED or jax.default_backend() != "cpu":
        return [steps]
    for size in range(_LONGEST_FUSED, 1, -1):
        if steps % size == 0 and steps // size <= _MOST_JOINED:
            return [size] * (steps // size)
    number = -(-steps // _LONGEST_FUSED)
    return [(steps + i) // number for i in range(number)]


# The transposes of one another, which JAX would make of slices and sums.


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _parted(x, join):
    """The steps of ``x``, ``[T, ...]``, a list of arrays ``[...]``."""
    del join
    return list(x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _joined(steps, join):
    """Steps ``[...]``, put together to ``[T, ...]``."""
    size, *others = _groups(len(steps))
    if join == "at once" or set(others) - {size}:
        return jnp.stack(steps)
    groups = [jnp.stack(steps[i : i + size]) for i in range(0, len(steps), size)]
    return jnp.stack(groups).reshape(-1, *steps[0].shape)


_parted.defvjp(
    lambda x, join: (_parted(x, join), None),
    lambda join, _, steps: (_joined(steps, join),),
)
_joined.defvjp(
    lambda steps, join: (_joined(steps, join), None),
    lambda join, _, x: (_parted(x, join),),
)
