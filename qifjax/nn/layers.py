"""Layers of spiking networks, over ``[T, B, ..., C]``; stateless ones fold time.

Every layer can be looked into through Flax collections that cost nothing unless they
are asked for with ``mutable``:

- ``activity``: per example, ``[B]``: ``rate`` of a population of neurons (spikes per
  neuron and step) and ``input_rate`` of a synaptic layer (mean of its input);
- ``operations``: one static :class:`qifjax.energy.Operations` a layer;
- ``inspection``: :class:`PopulationStatistics` of every population, over the batch.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen

from qifjax import neurons
from qifjax.energy import Operations
from qifjax.neurons import NeuronParams
from qifjax.nn.convolution import conv_general_dilated
from qifjax.nn.initializers import conv_init, dense_init
from qifjax.nn.learned import learned_parameters
from qifjax.nn.planes import channel_axis, over_time
from qifjax.nn.statistics import population_statistics
from qifjax.nn.windows import WindowRule
from qifjax.surrogate import Window
from qifjax.unroll import unroll


class Conv(linen.Conv):
    """``flax.linen.Conv`` over ``[T, B, H, W, C]``, without a bias by default.

    Attributes:
      analog: the input is real-valued (images, not spikes), so operations count as MAC.
    """

    use_bias: bool = False
    kernel_init: Any = conv_init
    conv_general_dilated: Any = conv_general_dilated
    analog: bool = False

    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolves ``x`` ``[T, B, H, W, C]`` to ``[T, B, H', W', features]``."""
        y = over_time(super().__call__(x.reshape(-1, *x.shape[2:])), len(x))
        weights: int = self.get_variable("params", "kernel").size
        _record_synapse(self, x, weights * math.prod(y.shape[2:-1]), self.analog)
        return y


class Dense(linen.Dense):
    """``flax.linen.Dense`` over ``[T, B, C]``, with a bias by default.

    Attributes:
      analog: the input is real-valued, so operations count as MAC.
    """

    kernel_init: Any = dense_init
    analog: bool = False

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps ``x`` ``[T, B, C]`` to ``[T, B, features]``."""
        y = super().__call__(x)
        _record_synapse(self, x, x.shape[-1] * math.prod(y.shape[2:]), self.analog)
        return y


class Spiking(linen.Module):
    """A population of neurons: currents in, spikes out, from rest.

    Attributes:
      learned: the population owns parameters that are trained, see
        :mod:`qifjax.nn.learned`.
      remat: compute each step again in the backward pass, see :func:`qifjax.unroll`.
    """

    learned: bool = False
    remat: bool = False

    @linen.compact
    def parameters(self, neuron: NeuronParams) -> NeuronParams:
        """The parameters of this population, given those of the network's call.

        The tdBN in front of the population normalises to the threshold found here.
        """
        return learned_parameters(self, neuron) if self.learned else neuron

    def __call__(
        self, currents: jax.Array, neuron: NeuronParams, window: WindowRule = None
    ) -> jax.Array:
        """Runs the neurons over all steps.

        Args:
          currents: input, ``[T, B, ...]``.
          neuron: what :meth:`parameters` gave; the type selects the dynamics.
          window: surrogate window, see :data:`qifjax.nn.windows.WindowRule`.

        Returns:
          Spikes 0 or 1, shape and dtype of ``currents``.
        """
        if window is None:
            window = neurons.window(neuron)
        elif not isinstance(window, Window):
            window = window(neuron)
        spikes = _fire(neuron, currents, window, self.remat)
        record(self, "activity", "rate", lambda: _per_example(spikes))
        count = math.prod(currents.shape[2:])
        record(self, "operations", "layer", lambda: Operations("neuron", count))
        record(
            self,
            "inspection",
            "population",
            lambda: population_statistics(neuron, currents, spikes, window),
        )
        return spikes


class Dropout(linen.Module):
    """Drops features of an example, by one mask for all time steps by default.

    SpikingJelly keeps one mask over a sequence; PyTorch's own dropout in a loop over
    time, as Norse has it, draws one a step.

    Attributes:
      rate: share of features that are set to zero, in [0, 1); the others are scaled by
        ``1 / (1 - rate)``.
      per_step: draw another mask at every time step.

    Randomness: the stream ``dropout``.
    """

    rate: float
    per_step: bool = False

    @linen.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Drops features of ``x`` ``[T, B, ...]`` in training, none in evaluation."""
        shared = () if self.per_step else (0,)
        return linen.Dropout(self.rate, broadcast_dims=shared)(
            x, deterministic=not train
        )


def repeat(currents: jax.Array, timesteps: int) -> jax.Array:
    """Presents the currents of a static image, ``[1, B, ...]``, at every time step.

    Args:
      currents: ``[1, B, ...]``, or ``[T, B, ...]``, which is returned as it is.
      timesteps: number of time steps T.

    Returns:
      Currents ``[T, B, ...]``.
    """
    axis = channel_axis(currents)
    once = jnp.moveaxis(currents, -1, axis)
    repeated = jnp.broadcast_to(once, (timesteps, *once.shape[1:]))
    return jnp.moveaxis(repeated, axis, -1)


def avg_pool(x: jax.Array, size: int) -> jax.Array:
    """Averages squares of ``size`` pixels of ``[..., H, W, C]``, without padding."""
    *front, H, W, C = x.shape
    if H % size or W % size:
        window = (size, size)
        return linen.pool(x, 0.0, jax.lax.add, window, window, "VALID") / size**2
    axis = channel_axis(x)
    if axis == -1:
        # Of a window XLA would make the gradient a whole array before it is used.
        squares = x.reshape(*front, H // size, size, W // size, size, C)
        return jnp.sum(squares, (-4, -2)) / size**2
    planes = jnp.moveaxis(x, -1, axis)
    rows = functools.reduce(jnp.add, [planes[..., i::size, :] for i in range(size)])
    total = functools.reduce(jnp.add, [rows[..., i::size] for i in range(size)])
    return jnp.moveaxis(total / size**2, axis, -1)


def max_pool(
    x: jax.Array, size: int, strides: int | None = None, padding: int = 0
) -> jax.Array:
    """Maximum of squares of ``size`` pixels of ``[..., H, W, C]``.

    Args:
      x: input.
      size: side of the squares in pixels.
      strides: distance of the squares in pixels; None takes their size.
      padding: pixels on every side that are never the maximum.

    Returns:
      ``[..., H', W', C]``. Of equal maxima the first, row by row, gets the gradient.

    Raises:
      ValueError: if the padded images are smaller than one square.
    """
    if padding:
        behind = [(0, 0)] * (x.ndim - 3) + [(padding, padding)] * 2 + [(0, 0)]
        x = jnp.pad(x, behind, constant_values=-jnp.inf)
    height, width = x.shape[-3:-1]
    if min(height, width) < size:
        raise ValueError(
            f"max_pool takes squares of {size} x {size} pixels, which do not fit into "
            f"images of {height} x {width}"
        )
    strides = strides or size
    axis = channel_axis(x)
    planes = jnp.moveaxis(x, -1, axis)
    channels = (slice(None),) if axis == -1 else ()

    def pixels(row: int, column: int) -> jax.Array:
        rows = slice(row, height - size + row + 1, strides)
        columns = slice(column, width - size + column + 1, strides)
        return planes[..., rows, columns, *channels]

    # XLA's own window keeps, on CPU, five indices of every pixel for its gradient.
    places = itertools.product(range(size), repeat=2)
    largest = functools.reduce(_larger, itertools.starmap(pixels, places))
    return jnp.moveaxis(largest, axis, -1)


def _larger(first, second):
    # jnp.maximum would share the gradient of equal values out between them.
    return jnp.where((first >= second) | jnp.isnan(first), first, second)


def flatten(x: jax.Array) -> jax.Array:
    """Joins all axes behind time and batch: ``[T, B, ...]`` to ``[T, B, C]``."""
    return x.reshape(*x.shape[:2], -1)


def record(
    module: linen.Module, collection: str, name: str, value: Callable[[], Any]
) -> None:
    """Leaves what ``value`` computes in a collection, if ``apply`` asked for that."""
    # An initialisation makes every collection mutable, but wants none of these.
    if module.is_mutable_collection(collection) and not module.is_initializing():
        module.sow(
            collection,
            name,
            value(),
            init_fn=lambda: None,
            reduce_fn=lambda _, new: new,
        )


def _fire(neuron, currents, window, remat):
    """Spikes of currents, both ``[T, B, ...]``."""
    scalars = all(jnp.ndim(leaf) == 0 for leaf in jax.tree.leaves((neuron, window)))
    # Parameters of each channel broadcast along the last axis.
    axis = channel_axis(currents) if scalars else -1
    arranged = jnp.moveaxis(currents, -1, axis)
    # Here is more than neurons, and joined in groups they would take longer.
    _, spikes = unroll(neuron, arranged, window=window, remat=remat, join="at once")
    return jnp.moveaxis(spikes, axis, -1)


def _record_synapse(module, x, count, analog):
    record(module, "activity", "input_rate", lambda: _per_example(x))
    operations = Operations("mac" if analog else "ac", count)
    record(module, "operations", "layer", lambda: operations)


def _per_example(x):
    """Mean over all axes but the batch, [B]."""
    return jnp.mean(x, (0, *range(2, x.ndim)), dtype=jnp.float32)
