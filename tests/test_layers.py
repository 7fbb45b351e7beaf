"""Layers: shapes, folding of time, recording, pooling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

import qifjax
from qifjax import LIFParams, QIFParams, nn
from qifjax.energy import Operations
from qifjax.nn import layers


def normal(*shape):
    return jax.random.normal(jax.random.key(0), shape)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.Conv(4, (3, 3)), normal(3, 2, 6, 6, 2)),
        (nn.Dense(4), normal(3, 2, 5)),
    ],
)
def test_time_is_folded(layer, x):
    variables = layer.init(jax.random.key(0), x)
    together = layer.apply(variables, x)
    for t in range(3):
        alone = layer.apply(variables, x[t : t + 1])
        np.testing.assert_allclose(together[t], alone[0], atol=1e-5)


def test_convolution_has_no_bias_and_dense_has_one():
    conv = nn.Conv(4, (3, 3)).init(jax.random.key(0), normal(1, 1, 6, 6, 2))
    dense = nn.Dense(4).init(jax.random.key(0), normal(1, 1, 5))
    assert set(conv["params"]) == {"kernel"}
    assert set(dense["params"]) == {"kernel", "bias"}


def test_initial_kernels_are_kaiming_normal():
    conv = nn.Conv(256, (3, 3)).init(jax.random.key(0), normal(1, 1, 8, 8, 64))
    dense = nn.Dense(500).init(jax.random.key(0), normal(1, 1, 400))
    kernel, weights = conv["params"]["kernel"], dense["params"]["kernel"]
    np.testing.assert_allclose(kernel.std(), (2 / (256 * 9)) ** 0.5, rtol=0.01)
    np.testing.assert_allclose(weights.std(), (2 / 400) ** 0.5, rtol=0.01)


@pytest.mark.parametrize("neuron", [QIFParams(), LIFParams()], ids=str)
def test_spiking_layer_is_unroll(neuron):
    x = normal(4, 2, 5)
    population = nn.Spiking()
    spikes, recorded = population.apply(
        {}, x, neuron, mutable=["activity", "operations"]
    )
    np.testing.assert_array_equal(spikes, qifjax.unroll(neuron, x)[1])
    rate = recorded["activity"]["rate"]
    np.testing.assert_allclose(rate, np.asarray(spikes).mean((0, 2)), rtol=1e-6)
    assert recorded["operations"]["layer"] == Operations("neuron", 5)


def test_spiking_layer_takes_a_window_or_a_function_that_gives_one():
    x, population = normal(4, 2, 5), nn.Spiking()

    def gradient(window):
        return jax.grad(lambda x: population.apply({}, x, QIFParams(), window).sum())(x)

    def centred(params):
        return qifjax.rectangle(params.u_th, 0.8)

    own, given = gradient(None), gradient(centred)
    np.testing.assert_array_equal(given, gradient(qifjax.rectangle(0.5, 0.8)))
    np.testing.assert_array_equal(own, gradient(qifjax.qif_window))
    assert np.any(own != given)


def test_recording_changes_nothing_and_is_absent_unless_asked_for():
    x, conv = normal(3, 2, 6, 6, 2), nn.Conv(4, (3, 3))
    variables = conv.init(jax.random.key(0), x)
    y, recorded = conv.apply(variables, x, mutable=["activity", "operations"])
    np.testing.assert_array_equal(y, conv.apply(variables, x))
    input_rate = recorded["activity"]["input_rate"]
    np.testing.assert_allclose(input_rate, np.asarray(x).mean((0, 2, 3, 4)), atol=1e-6)
    assert recorded["operations"]["layer"] == Operations("ac", 6 * 6 * 9 * 2 * 4)
    assert set(variables) == {"params"}


@pytest.mark.parametrize(
    ("pool", "reduce"), [(nn.avg_pool, np.mean), (nn.max_pool, np.max)]
)
def test_pooling_equals_numpy(pool, reduce):
    x = normal(3, 2, 7, 6, 4)
    blocks = np.asarray(x)[:, :, :6].reshape(3, 2, 3, 2, 3, 2, 4)
    np.testing.assert_allclose(pool(x, 2), reduce(blocks, axis=(3, 5)), atol=1e-6)


@pytest.mark.parametrize("channels", [2, 16])
@pytest.mark.parametrize(
    ("size", "strides", "padding"), [(2, None, 0), (3, None, 0), (3, 2, 1), (2, 3, 0)]
)
def test_max_pool_of_spikes_equals_the_windows_of_flax(
    size, strides, padding, channels
):
    def reference(x):
        steps, pads = (strides or size,) * 2, ((padding,) * 2,) * 2
        return jax.vmap(lambda x: linen.max_pool(x, (size, size), steps, pads))(x)

    # Most maxima are shared by several pixels: the first of them has the gradient.
    x = (normal(3, 2, 9, 8, channels) > 0.3).astype(jnp.float32)
    y, backward = jax.vjp(lambda x: nn.max_pool(x, size, strides, padding), x)
    expected, expected_backward = jax.vjp(reference, x)
    np.testing.assert_array_equal(y, expected)
    gradient = normal(*y.shape)
    np.testing.assert_allclose(
        *backward(gradient), *expected_backward(gradient), atol=1e-6
    )


@pytest.mark.parametrize("pixel", range(4))
def test_max_pool_hides_no_nan(pixel):
    x = normal(1, 1, 2, 2, 1).at[0, 0, pixel // 2, pixel % 2].set(jnp.nan)
    assert np.isnan(nn.max_pool(x, 2)).all()


def test_max_pool_refuses_images_smaller_than_its_squares():
    with pytest.raises(ValueError, match="squares of 3 x 3 pixels.*images of 2 x 4"):
        nn.max_pool(normal(1, 1, 2, 4, 1), 3)


def test_repeat_and_flatten():
    image = normal(1, 2, 3, 3, 4)
    repeated = layers.repeat(image, 5)
    assert repeated.shape == (5, 2, 3, 3, 4)
    np.testing.assert_array_equal(repeated[4], image[0])
    assert layers.flatten(repeated).shape == (5, 2, 36)


@pytest.mark.parametrize("per_step", [False, True])
def test_dropout_keeps_one_mask_over_time_unless_told(per_step):
    x = np.ones((4, 8, 500), np.float32)
    dropout = nn.Dropout(0.6, per_step=per_step)
    y = dropout.apply({}, x, True, rngs={"dropout": jax.random.key(0)})
    values, counts = np.unique(y, return_counts=True)
    np.testing.assert_allclose(values, [0, 1 / 0.4], rtol=1e-6)
    assert abs(counts[0] / x.size - 0.6) < 0.03
    assert np.all(np.asarray(y[0]) == np.asarray(y[1])) != per_step
    assert np.any(y[:, 0] != y[:, 1])  # examples have masks of their own
    np.testing.assert_array_equal(dropout.apply({}, x, False), x)
