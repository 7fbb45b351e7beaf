"""Steps and windows against NumPy loops, hand-computed values and a simulation."""

import jax.numpy as jnp
import numpy as np
import pytest

import qifjax
from qifjax import EulerQIFParams, LIFParams, QIFParams
from tests import reference

SETS = [
    QIFParams(),
    QIFParams(a=0.4, u_rest=-0.4, u_c=0.6, u_th=1.0),
    LIFParams(),
    LIFParams(beta=0.8, u_rest=-0.2, u_th=0.7),
    EulerQIFParams(),
    EulerQIFParams(a=0.3, u_rest=-0.2, u_c=0.4, u_th=0.8, tau=2.0),
]
REFERENCES = {
    QIFParams: (qifjax.qif_step, reference.qif),
    LIFParams: (qifjax.lif_step, reference.lif),
    EulerQIFParams: (qifjax.euler_qif_step, reference.euler_qif),
}


def run_reference(params, currents):
    dynamics = {k: v for k, v in params._asdict().items() if k != "alpha"}
    return REFERENCES[type(params)][1](currents, **dynamics)


@pytest.mark.parametrize("params", SETS, ids=str)
def test_steps_equal_the_double_loop(params, maybe_jit):
    currents = np.random.default_rng(0).normal(0, 0.7, (20, 64)).astype(np.float32)
    _, expected, membrane = run_reference(params, currents)
    typed_step = REFERENCES[type(params)][0]
    for step in (qifjax.step, typed_step):
        step = maybe_jit(step)
        u = jnp.full(64, params.u_rest, jnp.float32)
        for current, spikes_expected in zip(currents, expected, strict=True):
            u, spikes = step(params, u, current)
            np.testing.assert_array_equal(spikes, spikes_expected)
        np.testing.assert_allclose(u, membrane, atol=1e-5)
    assert expected.mean() > 0.02


def test_qif_by_hand():
    # a=.25, u_rest=0, u_c=.5: f(u) = .25 u (u - .5)
    params = QIFParams(u_th=0.5)
    currents = [0.4, 0.4, -1.0, 0.0, 0.2, 0.75]
    # .4 | -.01 + .4 = .39 | -.010725 - 1 | .25*1.010725*1.510725 | ...
    expected = [0.4, 0.39, -1.010725, 0.38173188, 0.18871293, 0.7353129]
    u = jnp.zeros(())
    for current, potential in zip(currents, expected, strict=True):
        u, spikes = qifjax.qif_step(params, u, jnp.float32(current))
        fired = potential >= 0.5
        assert bool(spikes) == fired
        np.testing.assert_allclose(u, 0.0 if fired else potential, atol=1e-6)


@pytest.mark.parametrize(
    "params", [QIFParams(), LIFParams(), EulerQIFParams()], ids=str
)
def test_threshold_is_inclusive(params, maybe_jit):
    step = maybe_jit(qifjax.step)
    threshold = np.float32(params.u_th)
    below, above = np.nextafter(threshold, np.float32([0, 1]))
    current = jnp.asarray([below, threshold, above])
    u, spikes = step(params, jnp.zeros(3), current)
    np.testing.assert_array_equal(spikes, [0, 1, 1])
    np.testing.assert_array_equal(u, [below, 0, 0])


def test_reset_goes_to_u_rest():
    params = QIFParams(u_rest=-0.25)
    u, spikes = qifjax.qif_step(params, jnp.full((), -0.25), jnp.full((), 0.9))
    assert spikes == 1
    assert u == -0.25


@pytest.mark.parametrize("u", [0.0, 0.5])
def test_zeros_and_fixed_points(u):
    u = jnp.full((), u)
    zero = jnp.zeros(())
    after_qif, _ = qifjax.qif_step(QIFParams(u_th=1.0), u, zero)
    after_euler, _ = qifjax.euler_qif_step(EulerQIFParams(u_th=1.0), u, zero)
    assert after_qif == 0
    assert after_euler == u


def test_lif_forgets_by_beta():
    u, _ = qifjax.lif_step(LIFParams(beta=0.25), jnp.full((), 0.4), jnp.zeros(()))
    np.testing.assert_allclose(u, 0.1, rtol=1e-6)


@pytest.mark.parametrize("params", SETS, ids=str)
def test_membrane_stays_float32_under_bfloat16_currents(params, maybe_jit):
    current = jnp.asarray([0.3, 0.6, -0.4], jnp.bfloat16)
    u, spikes = maybe_jit(qifjax.step)(params, jnp.full(3, 0.1), current)
    assert u.dtype == jnp.float32
    assert spikes.dtype == jnp.bfloat16
    expected, _ = qifjax.step(params, jnp.full(3, 0.1), current.astype(jnp.float32))
    np.testing.assert_array_equal(u, expected)


def test_another_type_is_refused_by_name():
    with pytest.raises(
        TypeError, match=r"QIFParams, LIFParams, EulerQIFParams, got tuple"
    ):
        qifjax.step((0.25, 0.0, 0.5, 0.5), jnp.zeros(1), jnp.zeros(1))


# --- windows -------------------------------------------------------------------------


def test_default_windows_by_hand():
    # mu = .25 (.25 + 0), sigma^2 = .25 (1 + .0625 (.5 + .25)) = .26171875
    window = qifjax.qif_window(QIFParams())
    np.testing.assert_allclose(window.lower, 0.0625 - 0.26171875**0.5)
    np.testing.assert_allclose(window.upper, 0.0625 + 0.26171875**0.5)
    assert window.height == 1
    assert qifjax.lif_window(LIFParams()) == (0.0, 1.0, 1.0)
    assert qifjax.lif_window(LIFParams(alpha=0.5)) == (0.25, 0.75, 2.0)
    assert qifjax.window(LIFParams()) == qifjax.lif_window(LIFParams())
    assert qifjax.window(QIFParams()) == window


# The parameter sets of a table of simulations; u_rest differs from zero in the last
# three.
THEOREM_1_SETS = [
    QIFParams(0.25, 0.0, 0.5, 0.5),
    QIFParams(0.25, 0.2, 0.6, 0.5),
    QIFParams(0.25, -0.4, 0.6, 0.5),
    QIFParams(0.4, 0.5, 1.0, 1.0),
]


def simulate_equation_26(params, n=4_000_000):
    """Mean, variance of a (I0 - u_rest)(I0 - u_c) + I1, each with standard error."""
    a, u_rest, u_c, u_th = params
    i0, i1 = np.random.default_rng(1).normal(0, u_th, (2, n))
    u = a * (i0 - u_rest) * (i0 - u_c) + i1
    squares = (u - u.mean()) ** 2
    return u.mean(), u.std() / n**0.5, squares.mean(), squares.std() / n**0.5


@pytest.mark.parametrize("params", THEOREM_1_SETS, ids=str)
def test_theorem_1_agrees_with_simulation(params):
    mean, variance = qifjax.qif_moments(params)
    simulated_mean, mean_error, simulated_variance, error = simulate_equation_26(params)
    assert abs(mean - simulated_mean) < 4 * mean_error
    assert abs(variance - simulated_variance) < 4 * error


@pytest.mark.parametrize("params", THEOREM_1_SETS[1:], ids=str)
def test_the_sign_of_the_main_text_disagrees_with_simulation(params):
    a, u_rest, u_c, u_th = params
    misprint = u_th**2 * (1 + a**2 * (2 * u_th**2 + (u_c - u_rest) ** 2))
    _, _, simulated, error = simulate_equation_26(params)
    assert abs(misprint - simulated) > 10 * error
