"""Evaluation counts every example once, whatever the batch size."""

import dataclasses

import jax
import numpy as np
import pytest

from qifjax import QIFParams, evaluation, nn
from qifjax.evaluation import evaluate
from qifjax.training import init_state
from tests import toy
from tests.networks import quick_jit, random_variables


@pytest.mark.parametrize("batch_size", [1, 7, 8, 20, 64])
def test_means_are_over_all_examples_once(batch_size, maybe_jit):
    task, examples = toy.task(batch_size=batch_size), toy.examples(20)
    state = init_state(task, toy.hparams(), jax.random.key(0), examples.inputs[:2])
    run = maybe_jit(
        lambda params: evaluate(
            task, params, state.model_state, examples, toy.hparams().neuron
        )
    )
    scores = run(state.params)
    x = np.asarray(examples.inputs, np.float64).reshape(20, -1) / 255
    logits = x @ np.asarray(state.params["w"], np.float64)
    labels = np.asarray(examples.labels)
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(20), labels]
    np.testing.assert_allclose(scores.loss, losses.mean(), rtol=1e-5)
    accuracy = (logits.argmax(1) == labels).mean()
    np.testing.assert_allclose(scores.accuracy, accuracy, rtol=1e-6)
    np.testing.assert_allclose(scores.activity["first"], x[:, 0].mean(), rtol=1e-5)


def test_the_inspected_batch_is_spread_over_the_whole_set():
    """So that it shows all classes of a set that is sorted by class."""
    examples = toy.examples(number=40)
    chosen = []

    def inspect(params, state, inputs, neuron):
        del params, state, neuron
        chosen.append(inputs)
        return {}

    task = toy.task(batch_size=16)
    task = dataclasses.replace(task, network=task.network._replace(inspect=inspect))
    evaluation.inspect(task, {}, {}, examples, None)
    task = dataclasses.replace(task, batch_size=100)
    evaluation.inspect(task, {}, {}, examples, None)
    places = [0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 30, 32, 35, 37]
    scaled = np.asarray(examples.inputs, np.float32) / 255
    np.testing.assert_allclose(chosen[0], scaled[places], rtol=1e-6)
    np.testing.assert_allclose(chosen[1], scaled, rtol=1e-6)


def test_inspection_is_that_of_the_network_in_training():
    model = nn.create("lenet5", num_classes=4)
    x = jax.random.normal(jax.random.key(0), (4, 16, 16, 1))
    variables = random_variables(model, x.shape)
    params, state = variables["params"], variables["batch_stats"]
    found = quick_jit(nn.pure(model).inspect)(params, state, x, QIFParams())
    expected = nn.inspect_populations(model, variables, x, QIFParams(), train=True)
    assert set(found) == set(expected) == {"conv1/neuron", "conv2/neuron", "fc1/neuron"}
    for name, statistics in expected.items():
        for mine, theirs in zip(found[name], statistics, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
