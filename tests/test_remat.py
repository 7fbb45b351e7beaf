"""Recomputation: the same gradients from less memory."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import LIFParams, QIFParams, nn, unroll
from tests.networks import random_variables

NEURONS = (QIFParams(), LIFParams())


def compiled(name, shape, neuron, remat, **settings):
    """``(gradients and new statistics, bytes)`` of a training pass."""
    model = nn.create(name, num_classes=4, remat=remat, **settings)
    variables = random_variables(model, shape, neuron)
    x = jax.random.normal(jax.random.key(0), shape)

    def loss(params, state, x):
        logits, updates = model.apply(
            {"params": params, "batch_stats": state},
            x,
            neuron,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": jax.random.key(1)},
        )
        return jnp.sum(jnp.square(logits - 1)), updates

    arguments = variables["params"], variables["batch_stats"], x
    program = (
        jax.jit(jax.grad(loss, has_aux=True))
        .lower(*arguments)
        .compile(nn.compiler_options(remat))
    )
    return program(*arguments), program.memory_analysis().temp_size_in_bytes


def assert_same(mine, theirs):
    for one, other in zip(*map(jax.tree.leaves, (mine, theirs)), strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * scale)
        assert np.all(np.isfinite(other))
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(theirs[0])) > 0.01


@pytest.mark.parametrize(
    "neuron",
    [NEURONS[0], pytest.param(NEURONS[1], marks=pytest.mark.slow)],
    ids=("qif", "lif"),
)
def test_the_same_gradients_from_less_memory(neuron):
    case = functools.partial(compiled, "lenet5", (16, 20, 20, 1), neuron, timesteps=8)
    expected, all_kept = case("none")
    for remat in ("step", "layer"):
        found, kept = case(remat)
        assert_same(found, expected)
        assert kept < 0.85 * all_kept


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "settings"),
    [
        ("resnet19", (8, 32, 32, 3), {}),
        ("vggsnn", (4, 8, 32, 32, 2), {"dropout": 0.5, "learned": True}),
        ("meta_spikeformer", (4, 32, 32, 3), {}),
    ],
)
def test_deep_networks(name, shape, settings):
    case = functools.partial(
        compiled, name, shape, QIFParams(), width_multiplier=0.125, **settings
    )
    expected, all_kept = case("none")
    found, kept = case("layer")
    assert_same(found, expected)
    assert kept < all_kept


def test_a_long_sequence_keeps_one_membrane_a_step():
    """Beside the currents, which are an argument and kept by whoever made them."""
    currents = jax.random.normal(jax.random.key(0), (64, 500))

    def program(remat):
        def fired(currents):
            return jnp.sum(unroll(QIFParams(), currents, remat=remat)[1] ** 2)

        return jax.jit(jax.grad(fired)).lower(currents).compile()

    kept = {remat: program(remat) for remat in (False, True)}
    np.testing.assert_allclose(
        kept[True](currents), kept[False](currents), rtol=1e-5, atol=1e-6
    )
    sizes = {k: v.memory_analysis().temp_size_in_bytes for k, v in kept.items()}
    assert sizes[True] < 0.6 * sizes[False]
    assert sizes[True] >= currents.nbytes


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match=r"remat must be one of 'none', 'step', 'lay"):
        nn.create("lenet5", num_classes=2, remat="block")
