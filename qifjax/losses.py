"""Losses of the outputs over time, ``[T, B, classes]``, one value an example."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import optax

Loss: TypeAlias = Callable[[jax.Array, jax.Array, float], jax.Array]
"""``(outputs [T, B, classes], labels [B], smoothing) -> losses [B]``."""


def cross_entropy(
    outputs: jax.Array, labels: jax.Array, smoothing: float = 0.0
) -> jax.Array:
    """Cross-entropy of the mean output over time (eq. 8), the loss of the paper.

    Args:
      outputs: last layer at every step, ``[T, B, classes]``.
      labels: int32 class of each example, ``[B]``.
      smoothing: share of the target that is spread evenly over all classes.

    Returns:
      Losses, float32 ``[B]``.
    """
    return _cross_entropy(jnp.mean(outputs, axis=0), labels, smoothing)


def tet(outputs: jax.Array, labels: jax.Array, smoothing: float = 0.0) -> jax.Array:
    """Mean over time of the cross-entropy of each step's output (Deng et al. 2022).

    Compare :func:`cross_entropy`, which averages the outputs first. The regulariser of
    that paper, which pulls outputs towards the threshold, is left out.

    Args:
      outputs: last layer at every step, ``[T, B, classes]``.
      labels: int32 class of each example, ``[B]``.
      smoothing: share of the target that is spread evenly over all classes.

    Returns:
      Losses, float32 ``[B]``.
    """
    each = jax.vmap(_cross_entropy, (0, None, None))(outputs, labels, smoothing)
    return jnp.mean(each, axis=0)


def _cross_entropy(logits, labels, smoothing):
    targets = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    targets = optax.smooth_labels(targets, smoothing)
    return optax.softmax_cross_entropy(logits, targets)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "tet": tet}
"""Losses by name."""
