"""Neurons over time: values, gradients, transformations and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qifjax
from qifjax import EulerQIFParams, LIFParams, QIFParams, Window
from tests.test_neurons import SETS, run_reference

T, N = 6, 48
# Of so many steps, groups are computed apart from one another.
GROUPED = 10
MODELS = [QIFParams(), LIFParams(), EulerQIFParams()]


def currents(seed=0, scale=0.7, shape=(T, N)):
    return jnp.asarray(np.random.default_rng(seed).normal(0, scale, shape), jnp.float32)


@pytest.mark.parametrize("params", SETS, ids=str)
def test_equals_the_double_loop(params, maybe_jit):
    potentials, spikes, membrane = run_reference(params, currents())
    u, actual = maybe_jit(qifjax.unroll)(params, currents())
    np.testing.assert_array_equal(actual, spikes)
    np.testing.assert_allclose(u, membrane, atol=1e-5)
    charged = maybe_jit(qifjax.potentials)(params, currents())
    np.testing.assert_allclose(charged, potentials, atol=1e-5)


@pytest.mark.parametrize("params", SETS, ids=str)
def test_two_parts_joined_by_the_membrane_equal_the_whole(params):
    x = currents(shape=(GROUPED, N))
    whole_u, whole = qifjax.unroll(params, x)
    u, first = qifjax.unroll(params, x[:4])
    u, second = qifjax.unroll(params, x[4:], u)
    np.testing.assert_array_equal(jnp.concatenate([first, second]), whole)
    np.testing.assert_array_equal(u, whole_u)


@pytest.mark.parametrize("steps", [1, 8, 9, 11, 17, 18, 65])
def test_a_sequence_of_any_length_equals_a_plain_loop(steps, maybe_jit):
    params, x = QIFParams(), currents(shape=(steps, N))

    def looped(x):
        start = jnp.full(N, params.u_rest)
        return jax.lax.scan(lambda *state: qifjax.step(params, *state), start, x)

    def with_gradient(run):
        def objective(x):
            u, spikes = run(x)
            return jnp.sum(u) + jnp.sum(spikes * x), (u, spikes)

        return maybe_jit(jax.grad(objective, has_aux=True))(x)

    gradient, (u, spikes) = with_gradient(lambda x: qifjax.unroll(params, x))
    expected, (last, fired) = with_gradient(looped)
    np.testing.assert_array_equal(spikes, fired)
    np.testing.assert_allclose(u, last, atol=1e-5)
    np.testing.assert_allclose(gradient, expected, atol=1e-4)


def test_no_length_holds_more_of_each_step_than_another():
    """Among those without a divisor as among those that have one."""

    def held(steps):
        @jax.jit
        def both(x, cotangent):
            def fire(x):
                return qifjax.unroll(QIFParams(), 2 * x, join="at once")[1]

            spikes, pull_back = jax.vjp(fire, x)
            return spikes, pull_back(cotangent)

        x = currents(shape=(steps, 1024))
        program = both.lower(x, x).compile()
        return program.memory_analysis().temp_size_in_bytes / x.nbytes

    assert held(17) == pytest.approx(held(16), rel=0.2)


def test_steps_are_joined_without_a_copy():
    x = currents(shape=(10, 64, 1024))

    @jax.jit
    def both(x, cotangent):
        spikes, pull_back = jax.vjp(lambda x: qifjax.unroll(QIFParams(), x)[1], x)
        return spikes, pull_back(cotangent)

    held = both.lower(x, x).compile().memory_analysis().temp_size_in_bytes
    assert held < 0.7 * x.nbytes


@pytest.mark.parametrize("params", MODELS, ids=str)
def test_time_is_causal(params):
    def spikes_until(t):
        return lambda x: qifjax.unroll(params, x)[1][:t].sum()

    gradient = jax.grad(spikes_until(4))(currents())
    assert np.all(gradient[4:] == 0)
    assert np.any(gradient[:4] != 0)


@pytest.mark.parametrize("params", MODELS, ids=str)
def test_neurons_are_independent_and_silent_without_input(params):
    order = np.random.default_rng(1).permutation(N)
    _, spikes = qifjax.unroll(params, currents())
    _, permuted = qifjax.unroll(params, currents()[:, order])
    np.testing.assert_array_equal(permuted, spikes[:, order])
    u, silent = qifjax.unroll(params, jnp.zeros((T, N)))
    assert not silent.any()
    assert np.all(u == 0)


def reference_gradient(params, inputs, weights):
    """Backpropagation through time by hand, for sum(weights * spikes), in float64.

    With v = u(t) after charging, o = spike(v), r = v (1 - o) + u_rest o after the reset
    and s the surrogate derivative: dv = w s + g (1 - o + (u_rest - v) s), where g is
    the gradient of r; then g for the step before is dv * d charge / d u.
    """
    potentials, spikes, _ = run_reference(params, inputs)
    window = jax.tree.map(float, qifjax.window(params))
    g = np.zeros(inputs.shape[1])
    gradient = np.zeros(inputs.shape)
    for t in reversed(range(inputs.shape[0])):
        v, o = potentials[t], spikes[t]
        s = np.where((v >= window.lower) & (v <= window.upper), window.height, 0)
        dv = weights[t] * s + g * (1 - o + (params.u_rest - v) * s)
        before = np.full_like(v, params.u_rest)
        if t:
            fired = spikes[t - 1]
            before = potentials[t - 1] * (1 - fired) + params.u_rest * fired
        if isinstance(params, LIFParams):
            d_input, d_before = 1.0, params.beta
        else:
            slope = params.a * (2 * before - params.u_rest - params.u_c)
            d_input, d_before = 1.0, slope
            if isinstance(params, EulerQIFParams):
                d_input, d_before = 1 / params.tau, 1 + slope / params.tau
        gradient[t] = dv * d_input
        g = dv * d_before
    return gradient


@pytest.mark.parametrize("params", SETS, ids=str)
def test_gradient_equals_backpropagation_by_hand(params, maybe_jit):
    weights = np.random.default_rng(2).normal(size=(T, N))

    def objective(x):
        return (jnp.asarray(weights, jnp.float32) * qifjax.unroll(params, x)[1]).sum()

    gradient = maybe_jit(jax.grad(objective))(currents())
    expected = reference_gradient(params, np.asarray(currents()), weights)
    np.testing.assert_allclose(gradient, expected, atol=2e-4, rtol=1e-4)
    assert np.count_nonzero(expected) > T * N / 4


def test_per_channel_parameters_equal_one_run_a_channel():
    thresholds = jnp.asarray([0.3, 0.5, 0.9])
    x = currents(shape=(T, 8, 3))
    with jax.numpy_rank_promotion("allow"):
        _, together = qifjax.unroll(QIFParams(u_th=thresholds), x)
    for c, threshold in enumerate(thresholds):
        _, alone = qifjax.unroll(QIFParams(u_th=threshold), x[..., c])
        np.testing.assert_array_equal(together[..., c], alone)


@pytest.mark.filterwarnings("ignore:QIFParams. a > 0.4")
def test_grid_over_parameters_and_seeds_equals_single_runs():
    a, u_c = jnp.asarray([0.2, 0.4, 0.8]), jnp.asarray([0.3, 0.6])
    inputs = jnp.stack([currents(seed, shape=(GROUPED, N)) for seed in range(2)])

    def loss_and_gradient(a, u_c, x):
        def loss(x):
            return (qifjax.unroll(QIFParams(a=a, u_c=u_c), x)[1] * x).sum()

        return jax.value_and_grad(loss)(x)

    over_seeds = jax.vmap(loss_and_gradient, (None, None, 0))
    grid = jax.jit(jax.vmap(jax.vmap(over_seeds, (None, 0, None)), (0, None, None)))
    losses, gradients = grid(a, u_c, inputs)
    for i in range(3):
        for j in range(2):
            for s in range(2):
                loss, gradient = loss_and_gradient(a[i], u_c[j], inputs[s])
                np.testing.assert_allclose(losses[i, j, s], loss, rtol=1e-5)
                np.testing.assert_allclose(gradients[i, j, s], gradient, atol=1e-5)


@pytest.mark.parametrize("params", MODELS, ids=str)
def test_parameters_can_be_learned(params, maybe_jit):
    """Every parameter of the dynamics gets a finite gradient that is not zero."""

    def loss(params):
        return (qifjax.unroll(params, currents())[1] * currents(3)).sum()

    floats = jax.tree.map(jnp.float32, params)
    gradient = maybe_jit(jax.grad(loss))(floats)
    for field, value in gradient._asdict().items():
        if field == "alpha":
            assert value == 0  # only the window depends on it
        else:
            assert np.isfinite(value)
            assert value != 0, field


def test_gradient_of_a_parameter_by_hand():
    # u' = a u0 (u0 - u_c) + I lies inside the window, so do/da = u0 (u0 - u_c).
    def spikes(a):
        u0, current = jnp.full(1, -0.4), jnp.full((1, 1), 0.2)
        return qifjax.unroll(QIFParams(a=a), current, u0)[1].sum()

    np.testing.assert_allclose(jax.grad(spikes)(0.25), -0.4 * (-0.4 - 0.5), rtol=1e-6)


def test_window_argument_replaces_the_parameters_own():
    nowhere = Window(9.0, 9.0, 1.0)
    gradient = jax.grad(
        lambda x: qifjax.unroll(QIFParams(), x, None, nowhere)[1].sum()
    )(currents())
    assert np.all(gradient == 0)


def test_bfloat16_currents_keep_a_float32_membrane():
    x = currents().astype(jnp.bfloat16)
    u, spikes = qifjax.unroll(QIFParams(), x)
    assert (u.dtype, spikes.dtype) == (jnp.float32, jnp.bfloat16)
    _, expected = qifjax.unroll(QIFParams(), x.astype(jnp.float32))
    np.testing.assert_array_equal(np.asarray(spikes, np.float32), expected)


@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("kind", [QIFParams, LIFParams, EulerQIFParams])
def test_float64_parameters_leave_a_float32_membrane_as_it_is(kind):
    x = currents()
    with jax.enable_x64(True):
        params = kind(*(np.float64(value) for value in kind()))

        def spikes_of(params):
            u, spikes = qifjax.unroll(params, x)
            assert (u.dtype, spikes.dtype) == (jnp.float32, jnp.float32)
            return spikes.sum()

        spikes, gradient = jax.value_and_grad(spikes_of)(params)
    assert spikes == qifjax.unroll(kind(), x)[1].sum()
    assert np.all(np.isfinite(gradient))


def test_default_qif_repeats_its_first_step_on_static_input_and_lif_does_not():
    """With u_c >= u_th the memory a u (u - u_c) is negative for 0 < u < u_th.

    So a neuron that a constant current does not fire at once never fires; LIF sums up.
    """
    constant = jnp.broadcast_to(jnp.linspace(-1.0, 4.0, 501), (10, 501))
    _, spikes = qifjax.unroll(QIFParams(), constant)
    np.testing.assert_array_equal(spikes, jnp.broadcast_to(spikes[:1], spikes.shape))
    _, leaky = qifjax.unroll(LIFParams(), constant)
    assert np.any(np.asarray(leaky) != np.asarray(leaky[:1]))


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (jnp.zeros((0, 3)), ValueError, r"T >= 1, got shape \(0, 3\)"),
        (jnp.zeros(()), ValueError, r"\[T, \.\.\.\]"),
        (jnp.zeros((2, 3), jnp.int32), TypeError, "floating point, got int32"),
    ],
)
def test_bad_currents_are_refused(inputs, error, message):
    with pytest.raises(error, match=message):
        qifjax.unroll(QIFParams(), inputs)


def test_bad_parameters_are_refused():
    with pytest.raises(ValueError, match="a > 0, got a=-1"):
        qifjax.unroll(QIFParams(a=-1), jnp.zeros((2, 3)))
