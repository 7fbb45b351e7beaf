"""Looking into populations, against NumPy; and that it is free when not asked for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import LIFParams, QIFParams, Window, nn
from tests import reference
from tests.networks import random_variables, settled, training_pass

T, B, N = 5, 3, 40


def currents():
    values = np.random.default_rng(0).normal(0.1, 0.8, (T, B, N))
    values[:, :, 0] = -1.0  # never fires
    values[:, :, 1] = 9.0  # always fires, and lies above the histogram
    return jnp.asarray(values, jnp.float32)


@pytest.mark.parametrize("neuron", [QIFParams(), LIFParams()], ids=str)
def test_statistics_of_a_population(neuron):
    _, recorded = nn.Spiking().apply({}, currents(), neuron, mutable=["inspection"])
    found = recorded["inspection"]["population"]

    flat = np.asarray(currents(), np.float64).reshape(T, B * N)
    if isinstance(neuron, QIFParams):
        u, spikes, _ = reference.qif(flat, *neuron)
        lower, upper = -0.4491, 0.5741  # eq. 16 for the default parameters
    else:
        u, spikes, _ = reference.lif(flat, *neuron[:3])
        lower, upper = 0.0, 1.0
    fired = spikes.reshape(T, B, N).sum((0, 1))
    edges = np.linspace(-4 * 0.5, 4 * 0.5, 65)
    counts, _ = np.histogram(np.clip(u, edges[0], edges[-1]), edges)
    np.testing.assert_allclose(found.rate, spikes.mean(), rtol=1e-6)
    np.testing.assert_allclose(found.silent, (fired == 0).mean(), rtol=1e-6)
    np.testing.assert_allclose(found.always, (fired == T * B).mean(), rtol=1e-6)
    trains = spikes.reshape(T, -1)
    differ = sum((trains[t] != trains[t - 1]).sum() for t in range(1, T))
    np.testing.assert_allclose(found.changes, differ / (T - 1) / B / N, rtol=1e-6)
    assert found.changes > 0
    assert found.silent > 0
    assert found.always > 0
    np.testing.assert_allclose(found.mean, u.mean(), rtol=1e-5)
    np.testing.assert_allclose(found.variance, u.var(), rtol=1e-5)
    inside = ((u >= lower) & (u <= upper)).mean()
    np.testing.assert_allclose(found.inside, inside, rtol=1e-6)
    where = (u >= lower) & (u <= upper)
    np.testing.assert_allclose(found.inside_spiking, where[spikes == 1].mean(), 1e-5)
    np.testing.assert_allclose(found.inside_silent, where[spikes == 0].mean(), 1e-5)
    assert 0 < found.inside_spiking < found.inside_silent < 1 or lower == 0
    np.testing.assert_allclose((found.lower, found.upper), (lower, upper), atol=1e-4)
    assert found.u_th == 0.5
    np.testing.assert_allclose(found.histogram, counts / u.size, atol=1e-6)
    assert found.histogram[-1] > 0.02


@pytest.fixture(scope="module")
def lenet5():
    model = nn.create("lenet5", num_classes=10)
    x = jax.random.normal(jax.random.key(0), (8, 28, 28, 1))
    variables = random_variables(model, x.shape)
    return model, x, variables


def test_populations_of_a_network_in_the_order_in_which_they_run(lenet5):
    model, x, variables = lenet5
    found = nn.inspect_populations(model, variables, x, QIFParams(), train=True)
    assert list(found) == ["conv1/neuron", "conv2/neuron", "fc1/neuron"]
    # Behind tdBN the membrane of the first step is N(0, u_th^2), and on static images
    # the paper's QIF repeats it.
    first = found["conv1/neuron"]
    np.testing.assert_allclose(first.rate, 0.16, atol=0.02)
    np.testing.assert_allclose(first.variance, 0.25, atol=0.05)
    np.testing.assert_allclose(first.inside, 0.68, atol=0.08)

    window = Window(9.0, 10.0, 1.0)
    nowhere = nn.inspect_populations(
        model, variables, x, QIFParams(), window, train=True
    )
    assert nowhere["conv1/neuron"].inside == 0

    _, updates = training_pass(model)(variables, x, jax.random.key(0))
    later = nn.inspect_populations(model, settled(variables, updates), x, QIFParams())
    np.testing.assert_allclose(later["conv1/neuron"].rate, first.rate, rtol=0.01)


def test_populations_keep_their_order_under_jit():
    """In a residual network, where it is not the order of the alphabet."""
    model = nn.create("resnet19", num_classes=5, width_multiplier=0.03)
    x = jnp.ones((2, 8, 8, 3))
    variables = random_variables(model, x.shape)
    look = jax.jit(functools.partial(nn.inspect_populations, model, train=True))
    found = list(jax.eval_shape(look, variables, x, QIFParams()))
    layers = nn.operations(model, x.shape, QIFParams())
    assert found == [name for name, o in layers.items() if o.kind == "neuron"]
    assert found != sorted(found)


def test_inspection_is_free_unless_asked_for(lenet5):
    model, x, variables = lenet5

    def program(mutable):
        def run(variables, x):
            return model.apply(variables, x, QIFParams(), mutable=mutable)

        return str(jax.make_jaxpr(run)(variables, x))

    plain, asked = program(["activity"]), program(["activity", "inspection"])
    bins = "i32[64]"  # counts of the histogram
    assert bins not in plain
    assert bins in asked
    assert len(plain) < len(asked)
    assert set(jax.eval_shape(model.init, jax.random.key(0), x, QIFParams())) == {
        "params",
        "batch_stats",
    }
