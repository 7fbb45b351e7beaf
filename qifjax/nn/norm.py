"""Threshold-dependent batch normalisation (tdBN)."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen

from qifjax.neurons import at_least_float32
from qifjax.nn.planes import channel_axis
from qifjax.surrogate import Scalar


class TDBatchNorm(linen.Module):
    r"""Threshold-dependent batch normalisation (eq. 6-7; Zheng et al. 2021).

    .. math:: y = \gamma \, \eta u_{th} \frac{x - E[x]}{\sqrt{Var[x] + \epsilon}} + \xi

    with statistics over time, batch and space, per channel, so that the current into a
    neuron starts as :math:`N(0, (\eta u_{th})^2)`. Unlike batch normalisation whose
    gamma merely *starts* at :math:`\eta u_{th}`, the factor stays outside the learned
    gamma.

    Training-mode output is not causal: statistics see all time steps. The variance is
    biased in the forward pass and unbiased in the running estimate. The running
    estimate begins as the plain mean of the first batches, ``1 / (1 - momentum)`` of
    them, so that a short training is not evaluated by what the estimate started from.
    Statistics and the arithmetic are float32 or wider, whatever the dtype of ``x``.

    Attributes:
      eta: scale of this branch; ``1 / sqrt(2)`` where two branches meet.
      momentum: weight of the old running statistics.
      epsilon: added to the variance.
      axis_name: pmap axis over which statistics are averaged, if any.
      affine: learn gamma and xi; otherwise they stay 1 and 0.

    Collections: ``params`` holds gamma and xi, ``batch_stats`` mean and var, all
      ``[C]``, and the number of batches seen, float32 ``[]``.
    """

    eta: float = 1.0
    momentum: float = 0.9
    epsilon: float = 1e-5
    axis_name: str | None = None
    affine: bool = True

    def __call__(self, x: jax.Array, u_th: Scalar, train: bool) -> jax.Array:
        """Normalises ``x``; see :meth:`padded`, of which this is the case without."""
        return self.padded(x, u_th, train, 0)

    @linen.compact
    def padded(
        self, x: jax.Array, u_th: Scalar, train: bool, padding: int
    ) -> jax.Array:
        """Normalises ``x`` and pads it with what the norm makes of zeros.

        The result is that of padding with zeros in front of the norm, except that the
        padding does not enter the statistics.

        Args:
          x: currents, channels last, ``[T, B, ..., C]``.
          u_th: threshold of the neurons that the output feeds, a scalar or ``[C]``.
          train: use and record the statistics of ``x``; otherwise the running ones.
          padding: pixels on every side of images ``[T, B, H, W, C]``.

        Returns:
          Normalised currents, float32 or wider: rounded to bfloat16, one in a hundred
          would fall on the other side of the threshold.

        Raises:
          ValueError: if one value a channel is all there is to take a variance of.
        """
        channels = x.shape[-1]
        gamma: Scalar = 1.0
        xi: Scalar = 0.0
        if self.affine:
            ones, zeros = linen.initializers.ones, linen.initializers.zeros
            gamma = self.param("gamma", ones, (channels,), jnp.float32)
            xi = self.param("xi", zeros, (channels,), jnp.float32)
        start = (channels,), jnp.float32
        variables = (
            self.variable("batch_stats", "mean", jnp.zeros, *start),
            self.variable("batch_stats", "var", jnp.ones, *start),
            self.variable("batch_stats", "seen", jnp.zeros, (), jnp.float32),
        )
        running = tuple(variable.value for variable in variables)
        scaled = gamma, xi, u_th
        how = _How(self.eta, self.epsilon, padding)
        if not train:
            return _evaluate(x, running, scaled, how)
        if self.is_initializing():
            # Not initialised inside a pmap, so the axis does not exist yet.
            return _train(x, running, scaled, how, self.momentum, None)[0]
        y, running = _train(x, running, scaled, how, self.momentum, self.axis_name)
        for variable, value in zip(variables, running, strict=True):
            variable.value = value
        return y


class _How(NamedTuple):
    """What is fixed when the arithmetic is compiled."""

    eta: float
    epsilon: float
    padding: int


# Both are compiled on their own, so that layers of one shape are traced once for all of
# them.


@functools.partial(jax.jit, static_argnums=(3, 4, 5))
def _train(x, running, scaled, how, momentum, axis_name):
    """Currents that are normalised by their own statistics, and the running ones."""
    wide, axis = _arranged(x, how.padding)
    mean, var, count = _statistics(wide, axis, axis_name)
    y = _normalise(wide, mean, var, scaled, how, axis)
    unbiased = var * (count / (count - 1))
    found = jax.lax.stop_gradient((mean, unbiased))
    return jnp.moveaxis(y, axis, -1), _follow(running, found, momentum)


@functools.partial(jax.jit, static_argnums=3)
def _evaluate(x, running, scaled, how):
    """Currents that are normalised by the running statistics."""
    wide, axis = _arranged(x, how.padding)
    mean, var = (values.astype(wide.dtype) for values in running[:2])
    return jnp.moveaxis(_normalise(wide, mean, var, scaled, how, axis), axis, -1)


def _arranged(x, padding):
    """Currents as they are computed with, and the axis of their channels."""
    axis = -1 if padding else channel_axis(x)
    return jnp.moveaxis(x.astype(at_least_float32(x.dtype)), -1, axis), axis


def _statistics(x, axis, axis_name):
    """Mean, biased variance, both [C], and the number of values behind each."""
    count = x.size // x.shape[axis]
    mean = _mean(x, axis)
    if axis_name is not None:
        mean = jax.lax.pmean(mean, axis_name)
        count = count * jax.lax.axis_size(axis_name)
    if count < 2:
        raise ValueError(
            "TDBatchNorm needs at least 2 values a channel in training, got "
            f"{count} in each of {x.shape[axis]} channels; use a larger batch"
        )
    var = _variance(x, mean, axis)
    return mean, var if axis_name is None else jax.lax.pmean(var, axis_name), count


def _mean(x, axis):
    channels = axis % x.ndim
    return jnp.mean(x, tuple(i for i in range(x.ndim) if i != channels))


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _variance(x, mean, axis):
    """The biased variance of ``x``, given its mean."""
    return _mean(jnp.square(x - _per_channel(mean, x, axis)), axis)


@_variance.defjvp
def _variance_jvp(axis, primals, tangents):
    # The variance is at its minimum over the mean, so that the tangent of the mean has
    # no part in it; its transpose would sum up all of x to find zero.
    x, mean = primals
    slope = 2 * (x - _per_channel(mean, x, axis))
    return _variance(x, mean, axis), _mean(slope * tangents[0], axis)


def _follow(running, found, momentum):
    """The running mean and variance, and how many batches they have seen."""
    *estimates, seen = running
    keep = jnp.minimum(momentum, seen / (seen + 1))
    moved = (
        keep * old + (1 - keep) * new.astype(old.dtype)
        for old, new in zip(estimates, found, strict=True)
    )
    return (*moved, seen + 1)


def _normalise(x, mean, var, scaled, how, axis):
    gamma, xi, u_th = scaled
    gamma, xi = (jnp.asarray(values, x.dtype) for values in (gamma, xi))
    scale = gamma * (how.eta * u_th) * jax.lax.rsqrt(var + how.epsilon)
    shift = _per_channel(xi - mean * scale, x, axis)
    y = x * _per_channel(scale, x, axis) + shift
    if not how.padding:
        return y
    # Where x is zero, the norm gives its shift.
    shape = list(x.shape)
    shape[2] += 2 * how.padding
    shape[3] += 2 * how.padding
    border = jnp.broadcast_to(shift, shape)
    return jax.lax.dynamic_update_slice(border, y, (0, 0, how.padding, how.padding, 0))


def _per_channel(values, x, axis):
    """Values ``[C]``, such that they broadcast against ``x``, channels at ``axis``."""
    shape = [1] * x.ndim
    shape[axis] = -1
    return values.reshape(shape)
