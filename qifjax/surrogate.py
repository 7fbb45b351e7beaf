r"""Spikes with a surrogate gradient.

A spike is the Heaviside step :math:`o = \Theta(u - u_{th})` (eq. 4 and 14), whose
derivative is zero almost everywhere. Training replaces that derivative by a *window*: a
constant ``height`` while ``lower <= u <= upper`` and zero elsewhere (eq. 5 for LIF, eq.
16 for QIF).

Conventions: a membrane exactly on the threshold spikes; a window is closed at both
ends.

Equation numbers are those of "Discretized Quadratic Integrate-and-Fire Neuron Model for
Direct Training of Spiking Neural Networks".
"""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

Scalar: TypeAlias = float | jax.Array
"""A number, an array that broadcasts against the membrane, or a tracer of either."""


class Window(NamedTuple):
    """Where, and how strongly, a spike passes gradient to its membrane.

    Attributes:
      lower: smallest membrane potential that gets gradient, in membrane units.
      upper: largest membrane potential that gets gradient, in membrane units.
      height: the surrogate derivative in between, per membrane unit.
    """

    lower: Scalar
    upper: Scalar
    height: Scalar


def rectangle(u_th: Scalar, alpha: Scalar) -> Window:
    r"""A rectangle, :math:`1/\alpha` where :math:`|u - u_{th}| \le \alpha/2` (eq. 5).

    Args:
      u_th: threshold, the centre of the window.
      alpha: width of the window; its area is one for every ``alpha > 0``.

    Returns:
      The window, in the shape to which ``u_th`` and ``alpha`` broadcast.
    """
    return Window(u_th - alpha / 2, u_th + alpha / 2, 1 / alpha)


@jax.custom_vjp
def spike(u: jax.Array, u_th: Scalar, window: Window) -> jax.Array:
    r"""Fires where the membrane reaches the threshold: 1 where ``u >= u_th``, else 0.

    In the backward pass :math:`\partial o / \partial u` is the window and
    :math:`\partial o / \partial u_{th}` its negative. The window is an ordinary array
    argument, so it may be traced, batched by ``vmap`` or derived from learned
    parameters; no gradient reaches it, nor does a second derivative.

    Args:
      u: membrane potential, any shape, floating point.
      u_th: threshold, broadcasts against ``u``.
      window: surrogate window, each field broadcasts against ``u``.

    Returns:
      Spikes 0 or 1 in the dtype of ``u``, in the shape to which ``u`` and ``u_th``
      broadcast.
    """
    del window
    return (u >= u_th).astype(u.dtype)


def _spike_forward(u, u_th, window):
    return spike(u, u_th, window), (u, u_th, jax.lax.stop_gradient(window))


def _spike_backward(residuals, cotangent):
    u, u_th, window = residuals
    inside = (window.lower <= u) & (u <= window.upper)
    slope = jnp.where(inside, window.height, 0) * cotangent
    # o depends on u - u_th alone; pulling back through the difference also sums the
    # threshold's cotangent over the axes along which the threshold was broadcast.
    difference, pull_back = jax.vjp(jnp.subtract, u, u_th)
    # A window without a cotangent, rather than one of zeros, which would be NaN behind
    # a root of zero.
    return *pull_back(slope.astype(difference.dtype)), None


spike.defvjp(_spike_forward, _spike_backward)
