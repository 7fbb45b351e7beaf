"""The spike and its surrogate gradient against their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import Window, rectangle, spike

WINDOW = Window(-0.5, 0.75, 1.5)


def around(value):
    """The float32 numbers just below, at and just above a value."""
    value = np.float32(value)
    return [
        np.nextafter(value, np.float32(-9)),
        value,
        np.nextafter(value, np.float32(9)),
    ]


def test_forward_is_the_step_function(maybe_jit):
    u = jnp.asarray([-3.0, *around(0.5), 3.0], jnp.float32)
    np.testing.assert_array_equal(maybe_jit(spike)(u, 0.5, WINDOW), [0, 0, 1, 1, 1])


def test_gradient_is_the_window_and_its_edges_belong_to_it(maybe_jit):
    u = jnp.asarray([-2.0, *around(-0.5), 0.0, 0.5, *around(0.75), 2.0], jnp.float32)
    gradient = maybe_jit(jax.grad(lambda u: spike(u, 0.5, WINDOW).sum()))(u)
    expected = 1.5 * np.asarray([0, 0, 1, 1, 1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(gradient, expected)


def test_threshold_gets_the_negative_gradient_summed_where_it_was_broadcast():
    u = jnp.asarray([[0.0, 5.0], [0.1, 0.2]])
    u_th = jnp.full((1, 2), 0.5)
    weight = jnp.asarray([[1.0, 10.0], [100.0, 1000.0]])
    gradient = jax.grad(lambda th: (weight * spike(u, th, WINDOW)).sum())(u_th)
    np.testing.assert_allclose(gradient, [[-1.5 * 101, -1.5 * 1000]])
    gradient = jax.grad(lambda th: (weight * spike(u, th, WINDOW)).sum())(0.5)
    np.testing.assert_allclose(gradient, -1.5 * 1101)


def test_window_gets_no_gradient():
    u = jnp.asarray([0.0, 0.3])
    window = jax.tree.map(jnp.float32, WINDOW)
    gradient = jax.grad(lambda window: spike(u, 0.5, window).sum())(window)
    assert gradient == (0, 0, 0)


def test_window_gets_no_second_derivative():
    u = jnp.asarray([0.0, 0.3])

    def slope(alpha):
        return jax.grad(lambda u: spike(u, 0.5, rectangle(0.5, alpha)).sum())(u).sum()

    assert slope(1.0) == 2
    assert jax.grad(slope)(1.0) == 0


def test_a_window_behind_the_root_of_zero_does_no_harm():
    u = jnp.asarray([0.0, 0.3])
    gradient = jax.grad(lambda x: spike(u, 0.5, Window(-(x**0.5), x**0.5, 1.0)).sum())
    assert gradient(0.0) == 0


def test_windows_are_batched_by_vmap_of_vmap():
    u = jnp.linspace(-1, 1, 41)
    uppers, heights = jnp.asarray([0.2, 0.6]), jnp.asarray([1.0, 2.0, 3.0])

    def gradient(upper, height):
        return jax.grad(lambda u: spike(u, 0.5, Window(-0.5, upper, height)).sum())(u)

    grid = jax.vmap(lambda up: jax.vmap(lambda h: gradient(up, h))(heights))(uppers)
    for i, upper in enumerate(uppers):
        for j, height in enumerate(heights):
            expected = np.where((u >= -0.5) & (u <= upper), height, 0)
            np.testing.assert_array_equal(grid[i, j], expected)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_dtype_is_kept(dtype):
    u = jnp.asarray([0.0, 1.0], dtype)
    value, pull_back = jax.vjp(lambda u: spike(u, 0.5, WINDOW), u)
    assert value.dtype == dtype
    assert pull_back(value)[0].dtype == dtype


@pytest.mark.usefixtures("standard_promotion")
def test_a_threshold_may_be_wider_than_the_membrane():
    u = jnp.asarray([0.0, 0.6], jnp.bfloat16)
    u_th = jnp.asarray([0.5, 0.5], jnp.float32)
    value, pull_back = jax.vjp(lambda u, u_th: spike(u, u_th, WINDOW), u, u_th)
    assert value.dtype == jnp.bfloat16
    gradients = pull_back(value)
    assert [gradient.dtype for gradient in gradients] == [u.dtype, u_th.dtype]
    np.testing.assert_array_equal(gradients, [[0, 1.5], [0, -1.5]])


@pytest.mark.parametrize("alpha", [0.5, 1.0, 4.0])
def test_rectangle_is_centred_with_unit_area(alpha):
    window = rectangle(0.5, alpha)
    assert (window.lower + window.upper) / 2 == 0.5
    assert (window.upper - window.lower) * window.height == 1
