"""Evaluation counts every example once, whatever the batch size."""

import jax
import numpy as np
import pytest

from qifjax.evaluation import evaluate
from qifjax.training import init_state
from tests import toy


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
