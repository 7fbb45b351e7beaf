"""Properties of every network, at a small width on small inputs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import LIFParams, nn
from tests.networks import quick_jit, random_variables, settled, training_pass

# (width multiplier, side of the smallest useful image, options)
CASES = {
    "dvs_gesture_net": (0.03, 32, {}),
    "lenet5": (1.0, 12, {}),
    "meta_spikeformer": (0.03, 16, {}),
    "resnet19": (0.03, 8, {}),
    "resnet34": (0.03, 8, {}),
    "vgg11": (0.03, 8, {}),
    "vggsnn": (0.03, 16, {}),
}
B, T = 3, 10

# Some take a minute to compile, and what all consist of is in tests/test_blocks.py too.
QUICK = ("lenet5", "resnet19", "vgg11")
NAMES = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in CASES
]


def test_every_network_is_tested():
    assert set(CASES) == set(nn.names())


def test_the_base_is_no_network():
    with pytest.raises(TypeError, match="abstract method '?layers"):
        nn.SpikingNetwork(num_classes=2)


@functools.cache
def built(name):
    """Model, variables and compiled evaluation; statistics fit the frames."""
    width, side, options = CASES[name]
    model = nn.create(name, num_classes=5, width_multiplier=width, **options)
    x = frames(name, T)

    variables = random_variables(model, x.shape)
    _, updates = training_pass(model)(variables, x, jax.random.key(0))
    variables = settled(variables, updates)
    outputs = quick_jit(
        lambda x: model.apply(variables, x, LIFParams(), method="outputs")
    )
    return model, variables, outputs


def frames(name, timesteps, batch=B):
    side = CASES[name][1]
    shape = (timesteps, batch, side, side, 2)
    return jax.random.poisson(jax.random.key(1), 1.0, shape).astype(jnp.float32)


@pytest.mark.parametrize("name", NAMES)
def test_evaluation(name):
    """Causal in time, independent of the rest of the batch, for every T and batch."""
    model, variables, outputs = built(name)
    x = frames(name, T)
    whole = outputs(x)
    assert whole.shape == (T, B, 5)
    assert whole.dtype == jnp.float32
    assert np.any(whole[0] != whole[-1])

    order = np.asarray([2, 0, 1])
    np.testing.assert_allclose(outputs(x[:, order]), whole[:, order])
    single = outputs(x[:1, :1])
    np.testing.assert_allclose(single, whole[:1, :1], atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_later_inputs_do_not_reach_earlier_outputs(name):
    model, variables, _ = built(name)

    @quick_jit
    @jax.grad
    def gradient(x):
        return model.apply(variables, x, LIFParams(), method="outputs")[:1].sum()

    found = gradient(frames(name, 2))
    assert np.all(found[1] == 0)
    assert np.any(found[0] != 0)


@pytest.mark.parametrize("name", NAMES)
def test_static_images_and_bfloat16(name):
    width, side, options = CASES[name]
    model = nn.create(
        name, num_classes=5, width_multiplier=width, dtype=jnp.bfloat16, **options
    )
    x = jax.random.normal(jax.random.key(0), (B, side, side, 3))

    variables = random_variables(model, x.shape)
    logits, updates = training_pass(model)(variables, x, jax.random.key(0))
    assert logits.shape == (B, 5)
    assert logits.dtype == jnp.float32
    assert np.all(np.isfinite(logits))
    assert {leaf.dtype for leaf in jax.tree.leaves(updates)} == {jnp.dtype("float32")}
