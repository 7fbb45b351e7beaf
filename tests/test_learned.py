"""Learned neuron parameters: their start, their constraints, their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qifjax
from qifjax import EulerQIFParams, LIFParams, QIFParams, nn
from tests.networks import quick_jit, random_variables

NEURONS = {
    QIFParams(0.2, -0.3, 0.4, 0.7): {"a", "u_c", "u_th"},
    LIFParams(0.3, -0.1, 0.6): {"beta", "u_th"},
    EulerQIFParams(): {"a", "u_c", "u_th"},
}


def population(neuron, leaves=None):
    layer = nn.Spiking(learned=True)
    if leaves is None:
        variables = layer.init(jax.random.key(0), neuron, method="parameters")
    else:
        variables = {"params": leaves}
    return variables, layer.apply(variables, neuron, method="parameters")


@pytest.mark.parametrize("neuron", NEURONS, ids=str)
def test_starts_from_the_parameters_of_the_call(neuron):
    variables, start = population(neuron)
    assert set(variables["params"]) == NEURONS[neuron]
    for given, found in zip(neuron, start, strict=True):
        np.testing.assert_allclose(found, given, rtol=1e-6)


@pytest.mark.parametrize("neuron", NEURONS, ids=str)
@pytest.mark.parametrize("size", [-1e6, -3.0, 3.0, 1e6])
def test_constraints_hold_after_steps_of_any_size(neuron, size):
    leaves = {name: jnp.float32(size) for name in NEURONS[neuron]}
    _, learned = population(neuron, leaves)
    assert learned.u_th > neuron.u_rest
    assert 0.09 < (learned.u_th - neuron.u_rest) / (neuron.u_th - neuron.u_rest) < 10.1
    assert learned.u_rest == neuron.u_rest
    if isinstance(neuron, LIFParams):
        assert 0 < learned.beta < 1
        assert (learned.beta < neuron.beta) == (size < 0)
    else:
        assert learned.a > 0
        assert learned.u_c > neuron.u_rest


def test_values_by_hand():
    # L tanh(r / L) = log 2 doubles the distances and the odds.
    r = jnp.float32(np.log(10) * np.arctanh(np.log(2) / np.log(10)))
    _, qif = population(QIFParams(0.2, -0.1, 0.4, 0.5), {"a": r, "u_c": r, "u_th": r})
    np.testing.assert_allclose(qif, [0.4, -0.1, 0.9, 1.1], rtol=1e-6)
    _, lif = population(LIFParams(0.2), {"beta": r, "u_th": jnp.float32(0)})
    np.testing.assert_allclose(lif, [1 / 3, 0, 0.5, 1], rtol=1e-6)


@pytest.fixture(scope="module")
def networks():
    x = jax.random.normal(jax.random.key(1), (4, 12, 12, 1))
    options = {"num_classes": 3, "width_multiplier": 0.5}
    plain = nn.create("lenet5", **options)
    learned = nn.create("lenet5", learned=True, **options)
    variables = random_variables(learned, x.shape)
    return plain, learned, variables, x


@pytest.mark.parametrize("neuron", [QIFParams(), LIFParams()], ids=str)
def test_a_new_network_equals_the_one_that_does_not_learn(networks, neuron):
    plain, learned, _, x = networks
    variables = random_variables(learned, x.shape, neuron)
    same = random_variables(plain, x.shape, neuron)

    def logits(model, variables):
        run = quick_jit(lambda v: model.apply(v, x, neuron, train=True, mutable=True))
        return run(variables)[0]

    start = logits(learned, variables)
    np.testing.assert_allclose(start, logits(plain, same), atol=1e-6)
    sizes = [sum(leaf.size for leaf in jax.tree.leaves(v)) for v in (variables, same)]
    fields = 3 if isinstance(neuron, QIFParams) else 2
    assert sizes[0] - sizes[1] == 3 * fields  # three populations


def test_every_learned_value_gets_gradient_in_every_population(networks):
    _, learned, variables, x = networks

    @quick_jit
    @jax.grad
    def gradient(params):
        logits, _ = learned.apply(
            {**variables, "params": params},
            jnp.stack([x, -x, x]),
            QIFParams(),
            train=True,
            mutable=["batch_stats"],
        )
        return jnp.sum(logits * jnp.arange(12.0).reshape(4, 3))

    found = gradient(variables["params"])
    for layer in ("conv1", "conv2", "fc1"):
        for name, value in found[layer]["neuron"].items():
            assert np.isfinite(value)
            assert value != 0, (layer, name)


def test_norm_and_window_follow_the_learned_threshold(networks):
    _, learned, variables, x = networks
    params = jax.tree.map(lambda leaf: leaf, variables["params"])
    params["conv1"]["neuron"]["u_th"] = jnp.float32(1.0)
    changed = {**variables, "params": params}

    def inspect(variables, window=None):
        found = nn.inspect_populations(
            learned, variables, x, QIFParams(), window, train=True
        )
        return found["conv1/neuron"]

    before, after = inspect(variables), inspect(changed)
    factor = np.exp(np.log(10) * np.tanh(1 / np.log(10)))
    # tdBN scales the currents as the threshold, so the rate of the first step stays.
    np.testing.assert_allclose(after.rate, before.rate, atol=0.03)
    assert abs(after.variance / before.variance / factor**2 - 1) < 0.35
    # The window has grown with the membrane, so it holds much more than the old one.
    assert after.inside > inspect(changed, qifjax.qif_window(QIFParams())).inside + 0.2


def test_window_passes_no_gradient_to_learned_values():
    def loss(raw):
        _, neuron = population(QIFParams(), {**raw})
        window = qifjax.qif_window(neuron)
        u = jnp.full(1, 0.1)
        return qifjax.spike(u, jax.lax.stop_gradient(neuron.u_th), window).sum()

    raw = {name: jnp.float32(0.1) for name in ("a", "u_c", "u_th")}
    assert all(value == 0 for value in jax.grad(loss)(raw).values())


def test_grid_of_starting_values(networks):
    _, learned, variables, x = networks

    def logits(u_th):
        return learned.apply(
            variables, x, QIFParams(u_th=u_th), train=True, mutable=["batch_stats"]
        )[0]

    thresholds = jnp.asarray([0.3, 0.6])
    grid = quick_jit(jax.vmap(logits))(thresholds)
    single = quick_jit(logits)
    for row, u_th in zip(grid, thresholds, strict=True):
        np.testing.assert_allclose(row, single(u_th), atol=1e-4)
