"""tdBN against its formula in float64, and what sets it apart from plain BN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax.nn import TDBatchNorm

SHAPE = (3, 4, 5, 6, 7)


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.normal(1.5, 2.0, SHAPE) * np.arange(1, 8), jnp.float32)


def reference(x, u_th, eta, gamma, xi, mean=None, var=None):
    x = np.asarray(x, np.float64)
    mean = x.mean((0, 1, 2, 3)) if mean is None else mean
    var = x.var((0, 1, 2, 3)) if var is None else var
    return gamma * eta * u_th * (x - mean) / np.sqrt(var + 1e-5) + xi


def variables(norm, gamma=1.0, xi=0.0):
    start = norm.init(jax.random.key(0), inputs(), 0.5, True)
    params = {"gamma": jnp.full(7, gamma), "xi": jnp.full(7, xi)}
    return {**start, "params": params}


@pytest.mark.parametrize("eta", [1.0, 0.5**0.5])
@pytest.mark.parametrize("u_th", [0.5, 1.2])
def test_training_mode(eta, u_th, maybe_jit):
    norm = TDBatchNorm(eta=eta)

    def apply(x):
        start = variables(norm, 1.3, -0.2)
        return norm.apply(start, x, u_th, True, mutable=["batch_stats"])

    y, updates = maybe_jit(apply)(inputs())
    np.testing.assert_allclose(y, reference(inputs(), u_th, eta, 1.3, -0.2), atol=1e-5)
    x = np.asarray(inputs(), np.float64)
    stats = updates["batch_stats"]
    np.testing.assert_allclose(stats["mean"], x.mean((0, 1, 2, 3)), rtol=1e-5)
    unbiased = x.var((0, 1, 2, 3), ddof=1)
    np.testing.assert_allclose(stats["var"], unbiased, rtol=1e-5)


def test_running_statistics_are_a_plain_mean_and_then_a_moving_one():
    norm = TDBatchNorm(momentum=0.75)
    state = variables(norm)
    update = jax.jit(
        lambda state, x: norm.apply(state, x, 0.5, True, mutable=["batch_stats"])[1]
    )
    means, expected = [], 0.0
    for step in range(7):
        x = inputs(step) * np.float32(step + 1)
        state = {**state, **update(state, x)}
        means.append(np.asarray(x, np.float64).mean((0, 1, 2, 3)))
        moved = 0.75 * expected + 0.25 * means[-1]
        expected = np.mean(means, 0) if step < 4 else moved
        found = state["batch_stats"]["mean"]
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_initial_output_is_n_0_u_th_squared():
    norm = TDBatchNorm()
    y, _ = norm.apply(variables(norm), inputs(), 0.5, True, mutable=["batch_stats"])
    np.testing.assert_allclose(np.mean(y, (0, 1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(np.std(y, (0, 1, 2, 3)), 0.5, atol=1e-4)


def test_evaluation_mode_uses_the_running_statistics_and_is_causal():
    norm = TDBatchNorm()
    start = variables(norm, 1.3, -0.2)
    mean, var = np.linspace(-1, 1, 7), np.linspace(1, 9, 7)
    state = {"mean": jnp.float32(mean), "var": jnp.float32(var)}
    start["batch_stats"] = {**start["batch_stats"], **state}
    y = norm.apply(start, inputs(), 0.5, False)
    expected = reference(inputs(), 0.5, 1.0, 1.3, -0.2, mean, var)
    np.testing.assert_allclose(y, expected, atol=2e-5)
    first = norm.apply(start, inputs()[:1], 0.5, False)
    np.testing.assert_array_equal(first, y[:1])


def test_factor_stays_outside_gamma():
    """Gamma's gradient is scaled by u_th, unlike where gamma merely starts at u_th."""
    norm = TDBatchNorm()
    start = variables(norm)
    weight = inputs(1)

    def loss(gamma, u_th):
        params = {**start["params"], "gamma": gamma}
        mine = {**start, "params": params}
        y, _ = norm.apply(mine, inputs(), u_th, True, mutable=["batch_stats"])
        return jnp.sum(y * weight)

    small, large = (jax.grad(loss)(jnp.ones(7), u_th) for u_th in (0.5, 1.0))
    np.testing.assert_allclose(2 * small, large, rtol=1e-4)
    x = np.asarray(inputs(), np.float64)
    normal = (x - x.mean((0, 1, 2, 3))) / np.sqrt(x.var((0, 1, 2, 3)) + 1e-5)
    np.testing.assert_allclose(large, (normal * weight).sum((0, 1, 2, 3)), rtol=2e-4)


def test_static_image_equals_its_repetition():
    norm = TDBatchNorm()
    image = inputs()[:1]
    repeated = jnp.broadcast_to(image, (4, *image.shape[1:]))
    start = variables(norm)
    once, _ = norm.apply(start, image, 0.5, True, mutable=["batch_stats"])
    often, _ = norm.apply(start, repeated, 0.5, True, mutable=["batch_stats"])
    np.testing.assert_allclose(often[0], once[0], atol=1e-6)
    np.testing.assert_array_equal(often[0], often[3])


def test_bfloat16_currents_have_float32_statistics():
    norm = TDBatchNorm()
    x = inputs().astype(jnp.bfloat16)
    y, updates = norm.apply(variables(norm), x, 0.5, True, mutable=["batch_stats"])
    assert y.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(updates)} == {jnp.dtype("float32")}
    exact = reference(x, 0.5, 1.0, 1.0, 0.0)
    np.testing.assert_allclose(np.asarray(y, np.float32), exact, rtol=0.01, atol=0.01)


def test_two_devices_share_their_statistics():
    start = variables(TDBatchNorm())

    def run(x, norm):
        return norm.apply(start, x, 0.5, True, mutable=["batch_stats"])

    whole, expected = run(inputs(), TDBatchNorm())
    halves = jnp.stack(jnp.split(inputs(), 2, axis=1))
    shared = TDBatchNorm(axis_name="devices")
    parts, updates = jax.pmap(lambda x: run(x, shared), axis_name="devices")(halves)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-5)
    for mine, theirs in zip(*map(jax.tree.leaves, (updates, expected)), strict=True):
        np.testing.assert_allclose(mine[0], theirs, rtol=1e-5)
        np.testing.assert_array_equal(mine[0], mine[1])


def test_a_single_value_a_channel_is_refused():
    norm = TDBatchNorm()
    x = jnp.ones((1, 1, 7))
    with pytest.raises(
        ValueError, match="at least 2 values.*got 1 in each of 7.*larger batch"
    ):
        norm.apply(variables(norm), x, 0.5, True, mutable=["batch_stats"])


def test_derivatives_of_both_orders_equal_those_of_the_formula():
    x, u_th = inputs()[:, :2, :2, :2], 0.5
    norm = TDBatchNorm()
    start = norm.init(jax.random.key(0), x, u_th, True)

    def by_formula(x):
        axes = (0, 1, 2, 3)
        mean = jnp.mean(x, axes, keepdims=True)
        var = jnp.mean((x - mean) ** 2, axes, keepdims=True)
        return u_th * (x - mean) / jnp.sqrt(var + 1e-5)

    def ours(x):
        return norm.apply(start, x, u_th, True, mutable=["batch_stats"])[0]

    direction = inputs(1)[:, :2, :2, :2]

    def derivatives(f):
        slope = jax.grad(lambda x: jnp.sum(jnp.sin(f(x))))
        return jax.jvp(slope, (x,), (direction,))

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
        derivatives(ours),
        derivatives(by_formula),
    )
