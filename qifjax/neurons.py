r"""Neuron models: parameters, surrogate windows and one time step of each.

Quadratic integrate-and-fire, discretized (QIF, eq. 11-15)::

    u' = a (u - u_rest) (u - u_c) + I
    o  = 1 where u' >= u_th, else 0
    u  = u' (1 - o) + u_rest o

Leaky integrate-and-fire (LIF, eq. 3-4) charges with ``u' = beta u + I``; the Euler form
of QIF (eq. 22), which keeps the term that the paper drops, with
``u' = u + (a (u - u_rest) (u - u_c) + I) / tau``. Both then fire and reset alike.

Here ``u`` is the membrane potential, ``I`` the input current of the same time step,
``a`` the sharpness, ``u_rest`` the resting and reset potential, ``u_c`` the critical
potential, ``u_th`` the threshold and ``beta`` the leak; all potentials share one
arbitrary unit.

Conventions: charge, then fire, then reset, all in the same step; a membrane exactly on
the threshold spikes; the gradient flows through the reset. (Eq. 3 as printed resets one
step late, and eq. 12-13 read literally delay every layer by one step; neither is
meant.)
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from qifjax.surrogate import Scalar, Window, rectangle, spike


class QIFParams(NamedTuple):
    """Parameters of the discretized QIF neuron (eq. 11-15); defaults as the paper.

    Every field may be a float, an array that broadcasts against the membrane (per
    channel: shape ``[C]``) or a tracer; the membrane keeps its dtype. Nothing is
    checked here: see
    :func:`qifjax.validate`.

    Attributes:
      a: sharpness, > 0; above 0.4 Theorem 1 (the analytic window) loses its premise.
      u_rest: resting potential, to which a spike resets the membrane; < ``u_c``, <
        ``u_th``.
      u_c: critical potential, the other zero of the quadratic.
      u_th: firing threshold.
    """

    a: Scalar = 0.25
    u_rest: Scalar = 0.0
    u_c: Scalar = 0.5
    u_th: Scalar = 0.5


class LIFParams(NamedTuple):
    """Parameters of the LIF neuron (eq. 3-5); the defaults are the paper's.

    Attributes:
      beta: share of the membrane that survives a step, in [0, 1].
      u_rest: reset potential; < ``u_th``.
      u_th: firing threshold.
      alpha: width of the surrogate window (eq. 5), > 0.
    """

    beta: Scalar = 0.25
    u_rest: Scalar = 0.0
    u_th: Scalar = 0.5
    alpha: Scalar = 1.0


class EulerQIFParams(NamedTuple):
    """Parameters of the Euler QIF neuron (eq. 22), the ablation of Appendix C.

    With ``u_rest`` as the reset potential this is also the form of SpikingJelly's
    QIFNode.

    Attributes:
      a: sharpness, > 0.
      u_rest: resting and reset potential; < ``u_c``, < ``u_th``.
      u_c: critical potential.
      u_th: firing threshold.
      tau: membrane time constant in steps, > 0.
      alpha: width of the surrogate window (eq. 5), > 0.
    """

    a: Scalar = 0.25
    u_rest: Scalar = 0.0
    u_c: Scalar = 0.5
    u_th: Scalar = 0.5
    tau: Scalar = 1.0
    alpha: Scalar = 1.0


NeuronParams: TypeAlias = QIFParams | LIFParams | EulerQIFParams


def qif_moments(params: QIFParams) -> tuple[Scalar, Scalar]:
    r"""Mean and variance of a QIF membrane under tdBN (Theorem 1).

    For :math:`I \sim N(0, u_{th}^2)`, independent over time, the two-step membrane of
    eq. 26 has :math:`\mu = a (u_{th}^2 + u_{rest} u_c)` and
    :math:`\sigma^2 = u_{th}^2 (1 + a^2 (2 u_{th}^2 + (u_c + u_{rest})^2))`. The paper's
    main text prints :math:`(u_c - u_{rest})^2`; its Appendix D has the sum, and a
    simulation agrees with the sum (``tests/test_neurons.py``).

    Args:
      params: QIF parameters, of any shapes that broadcast against one another.

    Returns:
      ``(mean, variance)`` in membrane units and membrane units squared.
    """
    a, u_rest, u_c, u_th = params
    mean = a * (u_th**2 + u_rest * u_c)
    variance = u_th**2 * (1 + a**2 * (2 * u_th**2 + (u_c + u_rest) ** 2))
    return mean, variance


def qif_window(params: QIFParams) -> Window:
    r"""The analytic window of QIF: 1 on :math:`[\mu - \sigma, \mu + \sigma]` (eq. 16).

    It is centred on the membrane's mean, not on the threshold. Compare
    :func:`lif_window`.

    Args:
      params: QIF parameters.

    Returns:
      The window of height 1, in the shape to which the parameters broadcast.
    """
    mean, variance = qif_moments(params)
    deviation = variance**0.5
    return Window(mean - deviation, mean + deviation, 1.0)


def lif_window(params: LIFParams | EulerQIFParams) -> Window:
    r"""The rectangle :math:`1/\alpha` of width :math:`\alpha` on the threshold (eq. 5).

    Args:
      params: parameters with ``u_th`` and ``alpha``.

    Returns:
      The window, in the shape to which ``u_th`` and ``alpha`` broadcast.
    """
    return rectangle(params.u_th, params.alpha)


def qif_charge(params: QIFParams, u: jax.Array, current: jax.Array) -> jax.Array:
    """The potential of a QIF neuron before it fires (eq. 11)."""
    a, u_rest, u_c, _ = params
    potential = a * (u - u_rest) * (u - u_c) + current.astype(u.dtype)
    return potential.astype(u.dtype)


def lif_charge(params: LIFParams, u: jax.Array, current: jax.Array) -> jax.Array:
    """The potential of an LIF neuron before it fires (eq. 3)."""
    return (params.beta * u + current.astype(u.dtype)).astype(u.dtype)


def euler_qif_charge(
    params: EulerQIFParams, u: jax.Array, current: jax.Array
) -> jax.Array:
    """The potential of an Euler QIF neuron before it fires (eq. 22)."""
    a, u_rest, u_c, _, tau, _ = params
    slope = (a * (u - u_rest) * (u - u_c) + current.astype(u.dtype)) / tau
    return (u + slope).astype(u.dtype)


class _Model(NamedTuple):
    charge: Callable[..., jax.Array]
    window: Callable[..., Window]


_MODELS: dict[type, _Model] = {
    QIFParams: _Model(qif_charge, qif_window),
    LIFParams: _Model(lif_charge, lif_window),
    EulerQIFParams: _Model(euler_qif_charge, lif_window),
}


def _model(params: NeuronParams) -> _Model:
    try:
        return _MODELS[type(params)]
    except KeyError:
        known = ", ".join(kind.__name__ for kind in _MODELS)
        raise TypeError(
            f"neuron parameters must be one of {known}, got {type(params).__name__}"
        ) from None


def window(params: NeuronParams) -> Window:
    """The surrogate window that belongs to the parameters.

    Args:
      params: neuron parameters; their type selects :func:`qif_window` or
        :func:`lif_window`.

    Returns:
      The window, in the shape to which the parameters broadcast.

    Raises:
      TypeError: if ``params`` is not a neuron parameter tuple.
    """
    return _model(params).window(params)


def charge(params: NeuronParams, u: jax.Array, current: jax.Array) -> jax.Array:
    """Integrates one step of input, without firing.

    Args:
      params: neuron parameters; their type selects the dynamics.
      u: membrane potential after the last reset, any shape, normally float32.
      current: input of this step, shape of ``u``, any floating dtype.

    Returns:
      The potential that is compared with the threshold, shape and dtype of ``u``.

    Raises:
      TypeError: if ``params`` is not a neuron parameter tuple.
    """
    return _model(params).charge(params, u, current)


def step(
    params: NeuronParams,
    u: jax.Array,
    current: jax.Array,
    window: Window | None = None,
) -> tuple[jax.Array, jax.Array]:
    """One time step of a layer of neurons: charge, fire, reset.

    Args:
      params: neuron parameters; their type selects the dynamics.
      u: membrane potential after the last reset, any shape, normally float32.
      current: input of this step, shape of ``u``, any floating dtype.
      window: surrogate window; ``None`` takes the parameters' own.

    Returns:
      ``(u, spikes)``: the membrane after the reset, shape and dtype of ``u``, and the
      spikes 0 or 1, in the dtype of ``current``.

    Raises:
      TypeError: if ``params`` is not a neuron parameter tuple.
    """
    model = _model(params)
    if window is None:
        window = model.window(params)
    u = model.charge(params, u, current)
    return _fire_and_reset(params, u, window, current.dtype)


def qif_step(
    params: QIFParams, u: jax.Array, current: jax.Array, window: Window | None = None
) -> tuple[jax.Array, jax.Array]:
    """One time step of QIF neurons (eq. 11-15); see :func:`step`.

    With zero input ``u_rest`` and ``u_c`` both lead to a potential of zero: they are
    the zeros of the map, not its fixed points, unless they are zero themselves.
    """
    window = qif_window(params) if window is None else window
    u = qif_charge(params, u, current)
    return _fire_and_reset(params, u, window, current.dtype)


def lif_step(
    params: LIFParams, u: jax.Array, current: jax.Array, window: Window | None = None
) -> tuple[jax.Array, jax.Array]:
    """One time step of LIF neurons (eq. 3-4); see :func:`step`."""
    window = lif_window(params) if window is None else window
    u = lif_charge(params, u, current)
    return _fire_and_reset(params, u, window, current.dtype)


def euler_qif_step(
    params: EulerQIFParams,
    u: jax.Array,
    current: jax.Array,
    window: Window | None = None,
) -> tuple[jax.Array, jax.Array]:
    """One time step of Euler QIF neurons (eq. 22); see :func:`step`.

    With zero input ``u_rest`` and ``u_c`` are fixed points.
    """
    window = lif_window(params) if window is None else window
    u = euler_qif_charge(params, u, current)
    return _fire_and_reset(params, u, window, current.dtype)


def _fire_and_reset(params, u, window, dtype):
    spikes = spike(u, params.u_th, window)
    after = u * (1 - spikes) + params.u_rest * spikes
    return after.astype(u.dtype), spikes.astype(dtype)


def resting(params: NeuronParams, current: jax.Array) -> jax.Array:
    """The membrane before the first step: ``u_rest`` everywhere.

    Args:
      params: neuron parameters.
      current: input of one step, for its shape and dtype.

    Returns:
      The potential in the shape of ``current``; float32, or the current's dtype where
      that is wider.
    """
    u_rest = jnp.asarray(params.u_rest, at_least_float32(current.dtype))
    return jnp.broadcast_to(u_rest, current.shape)


def at_least_float32(dtype: jax.typing.DTypeLike) -> jnp.dtype:
    """The dtype of state and statistics beside layers of a floating ``dtype``."""
    return jnp.dtype(dtype if jnp.finfo(dtype).bits > 32 else jnp.float32)
