"""Training against steps by hand; as a program: chunks, traces, transfers, grids."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax.data import Batch
from qifjax.training import (
    Examples,
    epoch_order,
    init_state,
    take,
    train_step,
    train_steps,
)
from tests import toy

pytestmark = pytest.mark.usefixtures("standard_promotion")

KEY = jax.random.key(0)
FIRST = jnp.arange(8)


def start(task, hparams=None):
    two = toy.examples().inputs[:2]
    return init_state(task, hparams or toy.hparams(), KEY, two)


def test_sgd_steps_by_hand():
    task, examples = toy.task("sgd"), toy.examples()
    state = start(task)
    w = np.asarray(state.params["w"], np.float64)
    velocity = 0
    for step in range(3):
        chosen = np.arange(8) + 8 * step
        batch = take(examples, jnp.asarray(chosen))
        gradient = toy.softmax_gradient(w, batch.inputs, batch.labels)
        velocity = 0.9 * velocity + gradient + 0.01 * w
        w = w - 0.1 * 0.5 * (1 + np.cos(np.pi * step / 20)) * velocity
        state, _ = train_step(task, state, batch, toy.hparams())
    np.testing.assert_allclose(state.params["w"], w, atol=1e-6)
    assert state.step == 3
    assert state.model_state["batches"] == 3


def test_adam_steps_by_hand():
    task, examples = toy.task("adam"), toy.examples()
    state = start(task)
    w = np.asarray(state.params["w"], np.float64)
    first = second = 0
    for step in range(3):
        batch = take(examples, jnp.arange(8) + 8 * step)
        gradient = toy.softmax_gradient(w, batch.inputs, batch.labels)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        m, v = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
        rate = 0.1 * 0.5 * (1 + np.cos(np.pi * step / 20))
        w = w - rate * (m / (np.sqrt(v) + 1e-8) + 0.01 * w)
        state, _ = train_step(task, state, batch, toy.hparams())
    np.testing.assert_allclose(state.params["w"], w, atol=1e-5)


def test_the_average_follows_the_parameters_and_is_what_is_evaluated():
    task = toy.task(average=0.75)
    state = start(task)
    average = np.asarray(state.params["w"])
    assert start(toy.task()).average is None
    for step in range(3):
        batch = take(toy.examples(), jnp.arange(8) + 8 * step)
        state, _ = train_step(task, state, batch, toy.hparams())
        average = 0.75 * average + 0.25 * np.asarray(state.params["w"])
    np.testing.assert_allclose(state.evaluated["w"], average, rtol=1e-5)
    assert np.any(state.evaluated["w"] != state.params["w"])


def test_totals_are_sums_over_the_batch_before_the_step():
    task = toy.task()
    state = start(task)
    batch = take(toy.examples(), FIRST)
    x = np.asarray(batch.inputs, np.float64).reshape(8, -1) / 255
    scores = x @ np.asarray(state.params["w"], np.float64)
    labels = np.asarray(batch.labels)
    losses = np.log(np.exp(scores).sum(1)) - scores[np.arange(8), labels]
    _, totals = train_step(task, state, batch, toy.hparams())
    np.testing.assert_allclose(totals.loss, losses.sum(), rtol=1e-5)
    assert totals.correct == (scores.argmax(1) == labels).sum()
    assert totals.examples == 8
    assert totals.bad_step == -1


def test_an_epoch_visits_every_example_once_in_an_order_of_its_own():
    task = toy.task()
    state = start(task)
    order = epoch_order(state, 40, 8)
    np.testing.assert_array_equal(np.sort(order), np.arange(40))
    same_epoch = epoch_order(state._replace(step=jnp.int32(4)), 40, 8)
    next_epoch = epoch_order(state._replace(step=jnp.int32(5)), 40, 8)
    np.testing.assert_array_equal(order, same_epoch)
    assert np.any(order != next_epoch)
    with pytest.raises(
        ValueError, match="a batch of 64 needs as many examples, got 40"
    ):
        epoch_order(state, 40, 64)


def by_single_steps(task, steps, hparams):
    state, examples = start(task, hparams), toy.examples()
    for step in range(steps):
        order = epoch_order(state, 40, 8)
        chosen = order[8 * (step % 5) : 8 * (step % 5) + 8]
        state, _ = train_step(task, state, take(examples, chosen), hparams)
    return state


@pytest.mark.parametrize("chunks", [(5, 5), (1, 4, 3, 2)])
def test_many_steps_equal_single_steps_however_they_are_cut(chunks):
    task, examples, hparams = toy.task("adam"), toy.examples(), toy.hparams()
    run = jax.jit(functools.partial(train_steps, task))
    state, seen = start(task), 0.0
    for steps in chunks:
        order = epoch_order(state, 40, 8)
        state, totals = run(state, examples, order, hparams, jnp.int32(steps))
        seen += float(totals.examples)
    assert seen == 80
    expected = by_single_steps(task, 10, hparams)
    np.testing.assert_allclose(state.params["w"], expected.params["w"], atol=1e-6)
    assert state.step == 10


def test_the_first_step_whose_loss_is_not_finite_is_reported():
    def poisoned(inputs):
        x = toy.scale(inputs)
        return jnp.where(inputs == 255, jnp.nan, x)

    task = dataclasses.replace(toy.task(), preprocess=poisoned)
    examples = toy.examples()
    state = start(task)
    order = epoch_order(state, 40, 8)
    inputs = examples.inputs.at[order[17], 0, 0, 0].set(255)  # third batch
    _, totals = train_steps(
        task, state, Examples(inputs, examples.labels), order, toy.hparams(), 5
    )
    assert totals.bad_step == 2


@pytest.mark.parametrize("poisoned", ["gradient", "model state"])
def test_reports_what_the_loss_does_not_tell(poisoned):
    """As a spiking layer does, which answers NaN with silence: the loss is finite."""
    task = toy.task()
    clean = task.network.train

    def train(params, state, inputs, neuron, key):
        outputs, state = clean(params, state, inputs, neuron, key)
        if poisoned == "model state":
            return outputs, {"batches": jnp.float32(jnp.nan)}
        # The value of this square root is zero, its derivative 0/0.
        return outputs + jnp.sqrt(0 * params["w"][0, 0]), state

    task = dataclasses.replace(task, network=task.network._replace(train=train))
    batch = take(toy.examples(), FIRST)
    _, totals = train_step(task, start(task), batch, toy.hparams())
    assert jnp.isfinite(totals.loss)
    assert totals.bad_step == 0


def test_the_gradient_norm_is_that_of_matrices_and_vectors_together():
    task, vectors = toy.task(), ("b", "c")
    clean = task.network

    def init(*arguments):
        params, state = clean.init(*arguments)
        return params | {name: jnp.zeros(toy.CLASSES) for name in vectors}, state

    def train(params, *arguments):
        outputs, state = clean.train(params, *arguments)
        return outputs + (params["b"] + params["c"])[None, None], state

    task = dataclasses.replace(task, network=clean._replace(init=init, train=train))
    state, batch = start(task), take(toy.examples(), FIRST)
    _, totals = train_step(task, state, batch, toy.hparams())
    # A vector is the row of the matrix for a pixel that is always one.
    pixels = np.pad(batch.inputs.reshape(8, -1), ((0, 0), (0, 1)), constant_values=255)
    rows = np.pad(np.asarray(state.params["w"], np.float64), ((0, 1), (0, 0)))
    gradient = toy.softmax_gradient(rows, pixels, batch.labels)
    both = np.concatenate([gradient, gradient[-1:]])
    np.testing.assert_allclose(totals.gradient_norm, np.linalg.norm(both), rtol=1e-6)


def test_one_trace_serves_every_number_of_steps():
    traces = []
    task = toy.task(count_traces=traces)
    run = jax.jit(functools.partial(train_steps, task))
    state, examples = start(task), toy.examples()
    order = epoch_order(state, 40, 8)
    state, _ = run(state, examples, order, toy.hparams(), jnp.int32(2))
    once = len(traces)
    for steps in (1, 2, 5):
        state, _ = run(state, examples, order, toy.hparams(), jnp.int32(steps))
    assert len(traces) == once
    assert set(traces) == {(8, toy.SIDE, toy.SIDE, 1)}


def test_the_loop_stays_on_the_device():
    task = toy.task("adam")
    state, examples = start(task), toy.examples()
    arguments = (state, examples, epoch_order(state, 40, 8), toy.hparams())
    compiled = jax.jit(functools.partial(train_steps, task)).lower(
        *arguments, jnp.int32(5)
    )
    text = compiled.compile().as_text()
    assert "while" in text
    for transfer in ("infeed", "outfeed", "send(", "recv(", "callback"):
        assert transfer not in text


def test_a_grid_column_equals_the_single_run():
    task, examples = toy.task("adam"), toy.examples()
    rates, decays = jnp.asarray([0.01, 0.1, 0.3]), jnp.asarray([0.0, 0.1])

    def final(rate, decay, key):
        hparams = toy.hparams()._replace(learning_rate=rate, weight_decay=decay)
        state = init_state(task, hparams, key, examples.inputs[:2])
        order = epoch_order(state, 40, 8)
        return train_steps(task, state, examples, order, hparams, 5)[0].params["w"]

    keys = jax.random.split(KEY, 2)
    over_keys = jax.vmap(final, (None, None, 0))
    over_decays = jax.vmap(over_keys, (None, 0, None))
    grid = jax.jit(jax.vmap(over_decays, (0, None, None)))(rates, decays, keys)
    assert grid.shape == (3, 2, 2, 4, toy.CLASSES)
    alone = jax.jit(final)
    for i in range(3):
        for j in range(2):
            for k in range(2):
                single = alone(rates[i], decays[j], keys[k])
                np.testing.assert_allclose(grid[i, j, k], single, atol=1e-6)


def test_training_learns():
    task = toy.task("adam")
    state, examples = start(task), toy.examples()
    run = jax.jit(functools.partial(train_steps, task))
    hparams = toy.hparams(learning_rate=0.3, weight_decay=0.0)
    losses = []
    for _ in range(4):
        order = epoch_order(state, 40, 8)
        state, totals = run(state, examples, order, hparams, jnp.int32(5))
        losses.append(float(totals.loss / totals.examples))
    assert losses[-1] < 0.7 * losses[0]


def test_augmentation_sees_uint8_and_another_key_every_step():
    seen = []

    def augment(key, inputs):
        seen.append(inputs.dtype)
        return inputs + jax.random.randint(key, inputs.shape, 0, 50).astype(jnp.uint8)

    task = toy.task(augment=augment)
    batch = take(toy.examples(), FIRST)
    state = start(task)
    again, _ = train_step(task, state, batch, toy.hparams())
    same, _ = train_step(task, state, batch, toy.hparams())
    later, _ = train_step(task, state._replace(step=jnp.int32(1)), batch, toy.hparams())
    assert set(seen) == {jnp.dtype("uint8")}
    np.testing.assert_array_equal(again.params["w"], same.params["w"])
    # The learning rate of step 1 differs by less than a percent, the noise by more.
    change = np.linalg.norm(later.params["w"] - again.params["w"])
    assert change > 0.02 * np.linalg.norm(again.params["w"] - state.params["w"])


def test_event_frames_come_with_time_in_front():
    frames = jnp.arange(3 * 4 * 2 * 2 * 2, dtype=jnp.uint8).reshape(3, 4, 2, 2, 2)
    batch = take(Examples(frames, jnp.arange(3)), jnp.asarray([2, 0]))
    assert isinstance(batch, Batch)
    assert batch.inputs.shape == (4, 2, 2, 2, 2)
    np.testing.assert_array_equal(batch.inputs[:, 0], frames[2])
    np.testing.assert_array_equal(batch.labels, [2, 0])
