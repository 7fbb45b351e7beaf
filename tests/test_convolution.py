"""The convolution equals XLA's, in value, gradients and second derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax.nn import convolution
from qifjax.nn.convolution import (
    conv_general_dilated,
    forward_forms,
    input_forms,
    kernel_forms,
    unrounded,
)

LAYOUT = ("NHWC", "HWIO", "NHWC")


@pytest.fixture
def untraced():
    """Convolutions that are traced already would keep their forms."""
    jax.clear_caches()
    yield
    jax.clear_caches()


@pytest.fixture(params=["by shapes", "winograd"])
def forms(request, monkeypatch, untraced):
    """Convolutions by the forms that suit them, and all by Winograd's."""
    if request.param == "winograd":
        monkeypatch.setattr(convolution, "forward", forward_forms.by_winograd)
        monkeypatch.setattr(convolution, "input_gradient", input_forms.by_winograd)
        monkeypatch.setattr(convolution, "kernel_gradient", kernel_forms.by_winograd)


@pytest.mark.usefixtures("untraced")
def test_layers_of_one_shape_are_traced_once(monkeypatch):
    traced = []

    def counted(*arguments):
        traced.append(arguments)
        return forward_forms.forward(*arguments)

    monkeypatch.setattr(convolution, "forward", counted)
    x, w = jnp.ones((2, 9, 8, 4)), jnp.ones((3, 3, 4, 4))

    def two_layers(x, w):
        first = conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT)
        return conv_general_dilated(first, w, (1, 1), "SAME", dimension_numbers=LAYOUT)

    jax.jit(two_layers).lower(x, w)
    assert len(traced) == 1


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (2, 1)])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 4)])
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((0, 2), (1, 0))])
def test_equals_xla(strides, kernel, padding):
    keys = jax.random.split(jax.random.key(0), 2)
    x = jax.random.normal(keys[0], (2, 9, 8, 3))
    w = jax.random.normal(keys[1], (*kernel, 3, 4))

    def value_and_gradients(conv):
        def loss(x, w):
            y = conv(x, w, strides, padding, dimension_numbers=LAYOUT)
            return jnp.sum(jnp.sin(y)), y

        return jax.value_and_grad(loss, (0, 1), has_aux=True)(x, w)

    ours = value_and_gradients(conv_general_dilated)
    xla = value_and_gradients(jax.lax.conv_general_dilated)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), ours, xla)


@pytest.mark.usefixtures("forms")
def test_second_derivatives_equal_xla():
    x = jax.random.normal(jax.random.key(0), (2, 5, 5, 2))
    w = jax.random.normal(jax.random.key(1), (3, 3, 2, 2))

    def curvature(conv):
        def slope(w):
            def loss(w):
                y = conv(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT)
                return jnp.sum(jnp.tanh(y))

            return jnp.sum(jax.grad(loss)(w) * w)

        return jax.grad(slope)(w)

    ours, xla = curvature(conv_general_dilated), curvature(jax.lax.conv_general_dilated)
    np.testing.assert_allclose(ours, xla, atol=2e-4)


@pytest.mark.usefixtures("forms")
def test_second_derivatives_of_a_loop_equal_xla():
    images = jax.random.normal(jax.random.key(0), (3, 2, 5, 5, 1))
    w = jax.random.normal(jax.random.key(1), (3, 3, 1, 2))

    def product(conv):
        def loss(w):
            def of_batch(x):
                y = conv(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT)
                return jnp.sum(jnp.tanh(y))

            return jnp.sum(jax.lax.map(of_batch, images))

        return jax.vjp(jax.grad(loss), w)[1](w)[0]

    ours, xla = product(conv_general_dilated), product(jax.lax.conv_general_dilated)
    np.testing.assert_allclose(ours, xla, atol=2e-4)


def test_groups_and_dilations_are_left_to_xla():
    x = jax.random.normal(jax.random.key(0), (2, 9, 9, 4))
    w = jax.random.normal(jax.random.key(1), (3, 3, 1, 4))
    settings = {
        "rhs_dilation": (2, 2),
        "dimension_numbers": LAYOUT,
        "feature_group_count": 4,
    }
    ours = conv_general_dilated(x, w, (1, 1), "SAME", **settings)
    xla = jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", **settings)
    np.testing.assert_array_equal(ours, xla)


@pytest.mark.parametrize("groups", [1, 4])
def test_sums_of_bfloat16_stay_unrounded(groups):
    """256 + 1 and 1024 + 4 are no bfloat16."""
    rows = jnp.asarray([256, 1], jnp.bfloat16).reshape(1, 2, 1, 1)
    w = jnp.ones((2, 1, 4 // groups, 4), jnp.bfloat16)
    x = jnp.tile(rows, 4)
    options = {"dimension_numbers": LAYOUT, "feature_group_count": groups}
    found = unrounded(x, w, (1, 1), "VALID", **options)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, np.full((1, 1, 1, 4), 257 * 4 / groups))
