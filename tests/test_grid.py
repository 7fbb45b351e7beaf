"""Grids: a column equals the single training, whatever else is in the grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import QIFParams, grid, nn
from qifjax.evaluation import evaluate
from qifjax.grid import STRATEGIES, train_cell, train_grid
from qifjax.memory import Needed, needed
from qifjax.optimizers import Optimizer
from qifjax.training import (
    Examples,
    HParams,
    Task,
    epoch_order,
    init_state,
    train_step,
)
from tests import toy

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax
EPOCHS = 3


def cells(rates):
    """Hyper-parameters of a grid of learning rates."""
    one = toy.hparams()
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(rates),)), one)
    return many._replace(learning_rate=jnp.asarray(rates, jnp.float32))


def keys(number):
    return jax.random.split(jax.random.key(7), number)


def train(task, hparams, keys, **settings):
    parts = list(
        train_grid(
            task,
            hparams,
            keys,
            toy.examples(),
            toy.examples(seed=1),
            EPOCHS,
            **settings,
        )
    )
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def test_a_cell_is_the_loop_of_single_steps():
    task, hparams, key = toy.task(), toy.hparams(), jax.random.key(3)
    examples, others = toy.examples(), toy.examples(seed=1)
    found = train_cell(task, examples, others, EPOCHS, hparams, key)
    state = init_state(task, hparams, key, examples.inputs[:2])
    step = jax.jit(lambda state, batch: train_step(task, state, batch, hparams))
    for epoch in range(EPOCHS):
        order = epoch_order(state, len(examples.labels), task.batch_size)
        losses = []
        for i in range(len(examples.labels) // task.batch_size):
            chosen = order[i * task.batch_size : (i + 1) * task.batch_size]
            state, totals = step(state, task.batch(examples, chosen))
            losses.append(float(totals.loss / totals.examples))
        scores = evaluate(task, state.params, state.model_state, others, hparams.neuron)
        np.testing.assert_allclose(found.train_loss[epoch], np.mean(losses), rtol=1e-5)
        np.testing.assert_allclose(found.evaluation.loss[epoch], scores.loss, rtol=1e-5)
        np.testing.assert_allclose(
            found.evaluation.accuracy[epoch], scores.accuracy, rtol=1e-6
        )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_other_cells_chunks_and_devices_change_nothing(strategy):
    rates = [0.01, 0.1, 0.3, 0.5, 0.9]
    task, drawn = toy.task(), keys(5)
    whole = train(task, cells(rates), drawn, strategy=strategy, chunk=2)
    for settings in ({"chunk": 3}, {"chunk": 1, "devices": jax.devices()[:2]}):
        again = train(task, cells(rates), drawn, strategy=strategy, **settings)
        _compare(again, whole, strategy)
    alone = train(task, cells(rates[3:4]), drawn[3:4], strategy=strategy)
    _compare(alone, jax.tree.map(lambda leaf: leaf[3:4], whole), strategy)
    assert whole.train_loss.shape == (5, EPOCHS)
    assert len(np.unique(whole.evaluation.loss[:, -1])) == 5


def _compare(found, expected, strategy):
    tolerance = 0 if strategy == "map" else 1e-5
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance), found, expected
    )


def test_strategies_agree_to_rounding():
    found = [
        train(toy.task(), cells([0.1, 0.5]), keys(2), strategy=s, chunk=2)
        for s in STRATEGIES
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), *found)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_cell_that_diverges_is_nan_and_the_others_go_on(strategy):
    rates = [0.1, float("inf"), 0.5]
    found = train(toy.task(), cells(rates), keys(3), strategy=strategy, chunk=3)
    assert np.all(np.isnan(found.train_loss[1]))
    assert np.all(np.isnan(found.evaluation.accuracy[1]))
    fine = train(
        toy.task(), cells([0.1, 0.5]), keys(3)[jnp.asarray([0, 2])], strategy=strategy
    )
    for i, j in ((0, 0), (2, 1)):
        np.testing.assert_allclose(found.train_loss[i], fine.train_loss[j], rtol=1e-5)


def test_neuron_parameters_of_a_spiking_network_are_an_axis():
    model = nn.create("lenet5", num_classes=3, width_multiplier=0.5)
    task = Task(
        nn.pure(model), Optimizer("adam", 4), lambda x: x.astype(jnp.float32) / 255, 8
    )
    rng = np.random.default_rng(0)
    data = Examples(
        jnp.asarray(rng.integers(0, 255, (16, 28, 28, 1)), jnp.uint8),
        jnp.asarray(rng.integers(0, 3, 16), jnp.int32),
    )
    pair = HParams(
        QIFParams(
            jnp.asarray([0.2, 0.4]),
            jnp.zeros(2),
            jnp.full(2, 0.5),
            jnp.asarray([0.4, 0.8]),
        ),
        jnp.full(2, 1e-3),
        jnp.full(2, 1e-4),
    )
    together, alone = (
        list(train_grid(task, h, k, data, data, 2, chunk=c))[-1]
        for h, k, c in (
            (pair, keys(2), 2),
            (jax.tree.map(lambda leaf: leaf[1:], pair), keys(2)[1:], 1),
        )
    )
    rates = together.evaluation.activity["conv1"]["neuron"]["rate"]
    assert rates.shape == (2, 2)
    assert rates[0, 0] != rates[1, 0]
    np.testing.assert_array_equal(together.train_loss[1:], alone.train_loss)


def test_chunks_are_as_large_as_memory_allows(monkeypatch):
    task, data = toy.task(), (toy.examples(), toy.examples(seed=1))
    shared = sum(leaf.nbytes for leaf in jax.tree.leaves(data))
    # The data are there once; each cell needs 100 bytes beside them.
    monkeypatch.setattr(grid, "needed", lambda _: Needed(shared + 10, 90))

    def sizes(room):
        monkeypatch.setattr(grid, "device_memory", lambda _: (shared + room) / 0.8)
        parts = train_grid(
            task, cells([0.1] * 5), keys(5), *data, EPOCHS, strategy="vmap"
        )
        return [len(part.train_loss) for part in parts]

    assert sizes(1e9) == [5]
    assert sizes(250) == [2, 2, 1]
    assert sizes(0) == [1] * 5


def test_cells_at_once_need_no_more_each_than_alone():
    task, data = toy.task(), (toy.examples(), toy.examples(seed=1))
    run = jax.jit(jax.vmap(lambda h, k: train_cell(task, *data, EPOCHS, h, k)))
    alone, pair = (
        needed(run.lower(cells([0.1] * n), keys(n)).compile()).total for n in (1, 2)
    )
    assert pair <= 2 * alone


def test_leaves_of_other_lengths_are_refused():
    with pytest.raises(
        ValueError, match=r"shape \(3,\), one for each key, got \[\(2,\)"
    ):
        train(toy.task(), cells([0.1, 0.2]), keys(3))
    with pytest.raises(ValueError, match="chunk must be at least 1, got 0"):
        train(toy.task(), cells([0.1]), keys(1), chunk=0)
