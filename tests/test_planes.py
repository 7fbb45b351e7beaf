"""Few channels as planes: where, and that no result depends on it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import LIFParams, QIFParams, nn
from qifjax.nn import planes


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((2, 3, 8, 8, 6), 1), ((2, 3, 8, 8, 8), -1), ((2, 3, 6), -1), ((3, 8, 8, 6), -1)],
)
def test_few_channels_of_images_over_time_come_in_front(shape, axis, monkeypatch):
    assert planes.channel_axis(jnp.zeros(shape)) == axis
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert planes.channel_axis(jnp.zeros(shape)) == -1


@pytest.mark.parametrize("channels", [3, 16])
def test_images_of_all_steps_are_divided_step_by_step(channels):
    x = np.arange(6 * 4 * 5 * channels).reshape(6, 4, 5, channels)
    np.testing.assert_array_equal(
        planes.over_time(jnp.asarray(x), 2), x.reshape(2, 3, 4, 5, channels)
    )


@pytest.mark.parametrize("neuron", [QIFParams(), LIFParams()], ids=["qif", "lif"])
@pytest.mark.parametrize("shape", [(4, 28, 28, 1), (3, 4, 28, 28, 2)])
@pytest.mark.parametrize("pool", ["avg", "max"])
def test_results_do_not_depend_on_planes(neuron, shape, pool, monkeypatch):
    model = nn.create("lenet5", num_classes=10, timesteps=2, pool=pool)
    keys = jax.random.split(jax.random.key(0), 3)
    images = jax.random.normal(keys[0], shape)
    variables = model.init(keys[1], images, neuron)
    weights = jax.random.normal(keys[2], (4, 10))

    def results():
        def loss(params):
            outputs, updated = model.apply(
                {**variables, "params": params},
                images,
                neuron,
                train=True,
                mutable=["batch_stats", "activity"],
            )
            return jnp.sum(outputs * weights), (outputs, updated)

        return jax.value_and_grad(loss, has_aux=True)(variables["params"])

    ours = results()
    monkeypatch.setattr(planes, "FEW_CHANNELS", 0)
    plain = results()
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), ours, plain
    )


def test_an_uneven_image_is_pooled_without_its_edge():
    x = jax.random.normal(jax.random.key(0), (2, 3, 7, 6, 4))
    expected = np.asarray(x)[:, :, :6].reshape(2, 3, 3, 2, 3, 2, 4).mean((3, 5))
    np.testing.assert_allclose(nn.avg_pool(x, 2), expected, atol=1e-6)


def test_parameters_of_each_channel_meet_their_channel():
    currents = jax.random.normal(jax.random.key(0), (2, 3, 4, 4, 2))
    neuron = QIFParams(u_th=jnp.array([[[[0.3, 0.9]]]]))
    spikes = nn.Spiking().apply({}, currents, neuron)
    for channel, u_th in enumerate((0.3, 0.9)):
        alone = nn.Spiking().apply(
            {}, currents[..., channel : channel + 1], QIFParams(u_th=u_th)
        )
        np.testing.assert_array_equal(spikes[..., channel], alone[..., 0])
