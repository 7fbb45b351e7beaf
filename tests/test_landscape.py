"""Landscapes and curvature of losses that are known exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import LIFParams, QIFParams, curvature, landscape, unroll

MATRIX = np.random.default_rng(0).normal(size=(12, 12)).astype(np.float32)
SYMMETRIC = MATRIX + MATRIX.T
PARAMS = {"kernel": jnp.asarray(MATRIX[:3, :4]), "bias": jnp.ones(3)}


def quadratic(params):
    x = jnp.concatenate([params["kernel"].ravel()])
    return 0.5 * x @ SYMMETRIC @ x + jnp.sum(params["bias"])


def tanh_network(params):
    """Smooth, with 16 + 4 parameters."""
    x = jnp.asarray(MATRIX[:, :4])
    y = jnp.tanh(x @ params["kernel"]) @ params["out"]
    return jnp.mean((y - MATRIX[:, 4]) ** 2)


SMOOTH = {
    "kernel": jnp.asarray(MATRIX[:4, 4:8]),
    "out": jnp.asarray(MATRIX[0, :4]),
}


def test_directions_have_the_lengths_of_the_filters_and_spare_the_rest():
    params = {
        "conv": jax.random.normal(jax.random.key(0), (3, 3, 2, 5)),
        "dense": jax.random.normal(jax.random.key(1), (7, 4)),
        "gamma": jnp.ones(5),
    }
    found = landscape.filter_normalised(jax.random.key(2), params)
    assert np.all(found["gamma"] == 0)
    for name, axes in (("conv", (0, 1, 2)), ("dense", (0,))):
        lengths = [
            np.sqrt((np.asarray(a) ** 2).sum(axes)) for a in (found[name], params[name])
        ]
        np.testing.assert_allclose(*lengths, rtol=1e-5)


def test_directions_follow_a_rescaling_of_the_filters():
    """A network whose filters are scaled, as norms allow, has the same landscape."""
    key, scale = jax.random.key(0), jnp.asarray([0.1, 1.0, 7.0, 3.0])
    plain = landscape.filter_normalised(key, PARAMS)
    scaled = landscape.filter_normalised(
        key, PARAMS | {"kernel": PARAMS["kernel"] * scale[None]}
    )
    np.testing.assert_allclose(
        scaled["kernel"], plain["kernel"] * scale[None], rtol=1e-5
    )


@pytest.mark.parametrize("strategy", landscape.STRATEGIES)
def test_the_slice_of_a_quadratic_is_a_parabola(strategy):
    direction = landscape.filter_normalised(jax.random.key(1), PARAMS)
    points = np.linspace(-2, 2, 7)[:, None]
    parts = landscape.evaluate_points(
        quadratic, PARAMS, [direction], points, strategy, chunk=3
    )
    found = np.concatenate(list(parts))
    x, d = (np.float64(tree["kernel"]).ravel() for tree in (PARAMS, direction))
    matrix = np.float64(SYMMETRIC)
    expected = [0.5 * (x + t * d) @ matrix @ (x + t * d) + 3 for t in points[:, 0]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_several_devices_give_the_same():
    directions = [
        landscape.filter_normalised(jax.random.key(k), PARAMS) for k in (1, 2)
    ]
    points = np.random.default_rng(0).normal(size=(11, 2))

    def scaled(factor, params):
        return factor * quadratic(params)

    def run(loss, devices):
        return np.concatenate(
            list(
                landscape.evaluate_points(
                    loss, PARAMS, directions, points, "map", 2, devices
                )
            )
        )

    devices = jax.devices()
    assert len(devices) > 1
    alone = run(quadratic, None)
    np.testing.assert_allclose(run(quadratic, devices), alone, rtol=1e-6)
    # The array is of the first device, and the loss is wanted on all.
    double = jax.tree_util.Partial(scaled, jnp.float32(2))
    np.testing.assert_allclose(run(double, devices), 2 * alone, rtol=1e-6)


def test_the_fastest_strategy_is_named_with_all_times():
    direction = landscape.filter_normalised(jax.random.key(1), PARAMS)
    best, seconds = landscape.fastest(
        quadratic, PARAMS, [direction], jnp.zeros((2, 1)), repeats=1
    )
    assert set(seconds) == set(landscape.STRATEGIES)
    assert seconds[best] == min(seconds.values())


def dense_hessian():
    flat, unravel = jax.flatten_util.ravel_pytree(SMOOTH)
    return np.asarray(jax.hessian(lambda v: tanh_network(unravel(v)))(flat), np.float64)


def test_products_are_those_of_the_dense_hessian():
    operator, size = curvature.hessian(tanh_network, SMOOTH)
    v = jax.random.normal(jax.random.key(0), (size,))
    np.testing.assert_allclose(operator(v), dense_hessian() @ v, rtol=1e-4, atol=1e-5)
    assert curvature.asymmetry(operator, size, jax.random.key(1), 4) < 1e-5


def test_lanczos_finds_all_eigenvalues_of_a_small_network():
    operator, size = curvature.hessian(tanh_network, SMOOTH)
    expected = np.linalg.eigvalsh(dense_hessian())[::-1]
    found = curvature.lanczos(operator, size, jax.random.key(0), steps=size)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    top = curvature.lanczos(operator, size, jax.random.key(0), steps=10)[0]
    np.testing.assert_allclose(top, expected[0], rtol=1e-3)


def test_trace_within_its_standard_error():
    operator, size = curvature.hessian(tanh_network, SMOOTH)
    estimate, error = curvature.trace(operator, size, jax.random.key(0), samples=400)
    assert abs(estimate - np.trace(dense_hessian())) < 4 * error
    assert error < 0.1 * abs(estimate)


def test_asymmetry_of_a_field_that_is_no_gradient():
    @jax.custom_vjp
    def loss(x):
        return jnp.sum(x)

    loss.defvjp(lambda x: (loss(x), x), lambda x, g: (g * (jnp.asarray(MATRIX) @ x),))
    operator, size = curvature.hessian(loss, jnp.ones(12))
    v = jax.random.normal(jax.random.key(0), (size,))
    np.testing.assert_allclose(operator(v), MATRIX.T @ v, rtol=1e-4, atol=1e-4)
    found = curvature.asymmetry(operator, size, jax.random.key(1), 500)
    expected = np.linalg.norm(MATRIX - MATRIX.T) / np.linalg.norm(MATRIX + MATRIX.T)
    assert found == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("neuron", [QIFParams(), LIFParams()], ids=str)
def test_the_surrogate_has_a_symmetric_hessian(neuron):
    """Also that of a network of neurons whose gradient is no gradient of the loss."""
    x = jax.random.normal(jax.random.key(0), (2, 16, 5))

    def loss(params):
        _, hidden = unroll(neuron, x @ params["first"])
        return jnp.mean(jnp.tanh(hidden @ params["second"]) ** 2)

    params = {
        "first": jax.random.normal(jax.random.key(1), (5, 6)),
        "second": jax.random.normal(jax.random.key(2), (6, 3)),
    }
    operator, size = curvature.hessian(loss, params)
    dense = np.stack([operator(row) for row in np.eye(size, dtype=np.float32)])
    assert np.abs(dense).max() > 0.01
    np.testing.assert_allclose(dense, dense.T, atol=1e-6)


def test_radius_by_hand():
    distances, losses = np.asarray([0.0, 1, 2, 3]), np.asarray([1.0, 1.2, 1.6, 1.1])
    assert curvature.radius(distances, losses, 0.4) == pytest.approx(1.5)
    assert curvature.radius(distances, losses, 0.2) == pytest.approx(1.0)
    assert curvature.radius(distances, losses, 0.7) is None
