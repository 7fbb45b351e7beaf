"""Optimizers: schedules, clipping, accumulation and decay, each by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax.optimizers import Optimizer

pytestmark = pytest.mark.usefixtures("standard_promotion")

PARAMS = {"kernel": jnp.full((2, 2), 2.0), "bias": jnp.full(2, 3.0)}


def updates_of(optimizer, gradients, learning_rate=0.1, weight_decay=0.0):
    """The update of each step for a sequence of gradients, at constant parameters."""
    rule = optimizer.transformation(learning_rate, weight_decay)
    state, updates = rule.init(PARAMS), []
    for gradient in gradients:
        full = jax.tree.map(lambda leaf: jnp.full_like(leaf, gradient), PARAMS)  # noqa: B023
        update, state = rule.update(full, state, PARAMS)
        updates.append(update)
    return updates


def test_learning_rate_rises_linearly_and_falls_as_a_cosine():
    optimizer = Optimizer("sgd", total_steps=12, warmup_steps=4)
    rates = [float(optimizer.learning_rate(0.8, step)) for step in range(13)]
    np.testing.assert_allclose(rates[:5], [0.0, 0.2, 0.4, 0.6, 0.8], atol=1e-6)
    cosine = [0.4 * (1 + np.cos(np.pi * k / 8)) for k in range(9)]
    np.testing.assert_allclose(rates[4:], cosine, atol=1e-6)
    assert rates[12] == 0


def test_gradients_are_clipped_by_their_global_norm():
    optimizer = Optimizer("sgd", total_steps=10**6, clip_norm=1.0)
    large, small = updates_of(optimizer, [10.0])[0], updates_of(optimizer, [0.1])[0]
    norm = np.sqrt(sum(np.sum(np.square(u)) for u in jax.tree.leaves(large)))
    np.testing.assert_allclose(norm, 0.1, rtol=1e-5)  # the learning rate
    np.testing.assert_allclose(small["kernel"], -0.01, rtol=1e-5)


def test_accumulation_applies_the_mean_gradient_once():
    optimizer = Optimizer("sgd", total_steps=10**6, accumulate=3)
    first, second, third, *_ = updates_of(optimizer, [1.0, 2.0, 6.0])
    for update in (first, second):
        assert all(np.all(np.asarray(leaf) == 0) for leaf in jax.tree.leaves(update))
    np.testing.assert_allclose(third["bias"], -0.1 * 3.0, rtol=1e-5)
    assert optimizer.learning_rate(0.8, 2) == optimizer.learning_rate(0.8, 0)


def test_the_schedule_of_accumulated_steps_ends_with_the_last_full_update():
    optimizer = Optimizer("sgd", total_steps=11, accumulate=4)
    whole = Optimizer("sgd", total_steps=2)
    assert optimizer.learning_rate(0.8, 7) == whole.learning_rate(0.8, 1) > 0
    assert optimizer.learning_rate(0.8, 8) == 0


@pytest.mark.parametrize("name", ["adam", "sgd"])
@pytest.mark.parametrize("decay", ["all", "kernels"])
def test_decay_pulls_at_the_parameters_it_should(name, decay):
    optimizer = Optimizer(name, total_steps=10**6, decay=decay)
    (update,) = updates_of(optimizer, [0.0], weight_decay=0.5)
    np.testing.assert_allclose(update["kernel"], -0.1 * 0.5 * 2.0, rtol=1e-5)
    expected = -0.1 * 0.5 * 3.0 if decay == "all" else 0.0
    np.testing.assert_allclose(update["bias"], expected, rtol=1e-5)
