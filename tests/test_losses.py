"""Losses against NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from qifjax.losses import cross_entropy, tet

RNG = np.random.default_rng(0)
OUTPUTS, LABELS = RNG.normal(size=(3, 5, 4)), RNG.integers(0, 4, 5)


def reference(logits, smoothing):
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    target = np.eye(4)[LABELS] * (1 - smoothing) + smoothing / 4
    return -(target * log_p).sum(-1)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_equal_numpy(smoothing):
    outputs, labels = jnp.asarray(OUTPUTS, jnp.float32), jnp.asarray(LABELS, jnp.int32)
    expected = reference(OUTPUTS.mean(0), smoothing)
    actual = cross_entropy(outputs, labels, smoothing)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    each = np.mean([reference(step, smoothing) for step in OUTPUTS], axis=0)
    np.testing.assert_allclose(tet(outputs, labels, smoothing), each, rtol=1e-5)
    assert np.all(each > expected)  # Jensen: the loss is convex in the output
