"""A network small enough to differentiate by hand: softmax regression, without Flax."""

import jax
import jax.numpy as jnp
import numpy as np

from qifjax import QIFParams
from qifjax.optimizers import Optimizer
from qifjax.training import Examples, HParams, Network, Task

CLASSES, SIDE = 3, 2


def network(count_traces=None):
    """Logits ``x @ w``; the state counts the batches that it has been trained on."""

    def init(key, inputs, neuron):
        del neuron
        w = jax.random.normal(key, (inputs[0].size, CLASSES))
        return {"w": w}, {"batches": jnp.float32(0)}

    def outputs(params, inputs):
        return (inputs.reshape(len(inputs), -1) @ params["w"])[None]  # T = 1

    def train(params, state, inputs, neuron, key):
        del neuron, key
        if count_traces is not None:
            count_traces.append(inputs.shape)
        return outputs(params, inputs), {"batches": state["batches"] + 1}

    def evaluate(params, state, inputs, neuron):
        del state, neuron
        return outputs(params, inputs), {"first": inputs.reshape(len(inputs), -1)[:, 0]}

    return Network(init, train, evaluate, lambda *_: {})


def scale(inputs):
    return inputs.astype(jnp.float32) / 255


def task(optimizer="sgd", batch_size=8, count_traces=None, settings=None, **changes):
    rule = Optimizer(optimizer, total_steps=20, **(settings or {}))
    return Task(network(count_traces), rule, scale, batch_size, **changes)


def hparams(learning_rate=0.1, weight_decay=0.01):
    return jax.tree.map(jnp.float32, HParams(QIFParams(), learning_rate, weight_decay))


def examples(number=40, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, number)
    inputs = rng.integers(0, 128, (number, SIDE, SIDE, 1))
    inputs[:, 0, 0, 0] += 60 * labels
    return Examples(jnp.asarray(inputs, jnp.uint8), jnp.asarray(labels, jnp.int32))


def softmax_gradient(w, inputs, labels):
    """Gradient of the mean cross-entropy with respect to w, in float64."""
    x = np.asarray(inputs, np.float64).reshape(len(labels), -1) / 255
    scores = x @ w
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(labels)), np.asarray(labels)] -= 1
    return x.T @ p / len(labels)
