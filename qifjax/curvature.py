r"""How sharply a loss bends, from gradients of gradients and from the loss alone.

The gradient of a spiking network is that of its surrogate, which is not the gradient of
the loss: the loss itself is constant in many directions almost everywhere. What is
called its Hessian here is the derivative :math:`J` of the surrogate gradient, formed by
the same rule: the derivative of a spike is its window, that of the window is zero. By
one such rule derivatives in two directions commute, so :math:`J` is symmetric for the
neurons of this package; that of another rule need not be, which :func:`asymmetry`
tells. :func:`radius` needs no gradient.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from qifjax.landscape import Loss

PyTree = Any
Operator: TypeAlias = Callable[[jax.Array], jax.Array]
"""A linear map of vectors ``[N]``."""


def hessian(loss: Loss, params: PyTree) -> tuple[Operator, int]:
    """The derivative of the gradient as an operator, without building it.

    It needs reverse mode alone, which is what a surrogate gradient defines.

    Args:
      loss: a function of parameters.
      params: where.

    Returns:
      ``(operator, size)``: the compiled map ``v -> J^T v`` of vectors ``[N]``, and N.
    """
    flat, unravel = ravel_pytree(params)
    gradient = jax.grad(lambda vector: loss(unravel(vector)))
    product = jax.jit(lambda flat, v: jax.vjp(gradient, flat)[1](v)[0])
    return lambda v: product(flat, v), flat.size


def asymmetry(operator: Operator, size: int, key: jax.Array, samples: int) -> float:
    """Size of the antisymmetric part of an operator, relative to the symmetric one.

    Args:
      operator: a linear map ``J`` of vectors ``[size]``.
      size: length of the vectors.
      key: PRNG key.
      samples: random pairs ``v, w`` to average over.

    Returns:
      An estimate of ``|J - J^T| / |J + J^T|`` in Frobenius norms, from the root mean
      squares of ``v J w - w J v`` and ``v J w + w J v``: 0 for a symmetric operator.
    """
    odd = even = 0.0
    for one in jax.random.split(key, samples):
        v, w = jax.random.normal(one, (2, size))
        a, b = float(v @ operator(w)), float(w @ operator(v))
        odd += (a - b) ** 2
        even += (a + b) ** 2
    return (odd / even) ** 0.5 if even else 0.0


def lanczos(operator: Operator, size: int, key: jax.Array, steps: int) -> np.ndarray:
    """Approximate eigenvalues of a symmetric operator, the outermost ones first to fit.

    Every new vector is made orthogonal to all before it, twice.

    Args:
      operator: a symmetric linear map of vectors ``[size]``.
      size: length of the vectors.
      key: PRNG key of the first vector.
      steps: products with the operator; as many as ``size`` give all eigenvalues.

    Returns:
      Ritz values in falling order, float64 ``[at most steps]``.
    """
    v = jax.random.normal(key, (size,))
    basis = [np.asarray(v / jnp.linalg.norm(v), np.float64)]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(steps, size)):
        w = np.asarray(operator(jnp.asarray(basis[-1], v.dtype)), np.float64)
        diagonal.append(float(basis[-1] @ w))
        for _ in range(2):
            for u in basis:
                w = w - (u @ w) * u
        length = float(np.linalg.norm(w))
        if length < 1e-7 * max(1.0, abs(diagonal[0])):
            break
        beside.append(length)
        basis.append(w / length)
    size = len(diagonal)
    matrix = np.diag(diagonal)
    for i, value in enumerate(beside[: size - 1]):
        matrix[i, i + 1] = matrix[i + 1, i] = value
    return np.linalg.eigvalsh(matrix)[::-1]


def trace(
    operator: Operator, size: int, key: jax.Array, samples: int
) -> tuple[float, float]:
    """The trace of an operator by Hutchinson's estimate, with signs as the vectors.

    Args:
      operator: a linear map of vectors ``[size]``.
      size: length of the vectors.
      key: PRNG key.
      samples: number of vectors, at least 2.

    Returns:
      ``(estimate, standard error)``.
    """
    found = []
    for one in jax.random.split(key, samples):
        v = jax.random.rademacher(one, (size,), jnp.float32)
        found.append(float(v @ operator(v)))
    return float(np.mean(found)), float(np.std(found, ddof=1) / len(found) ** 0.5)


def radius(distances: np.ndarray, losses: np.ndarray, rise: float) -> float | None:
    """How far one can go along a ray until the loss has risen by a fixed amount.

    Args:
      distances: rising distances from 0 on, ``[P]``.
      losses: the losses there, ``[P]``.
      rise: by how much the first loss is exceeded, in the unit of the loss.

    Returns:
      The first such distance, interpolated between points; None if none is that high.
    """
    above = np.flatnonzero(losses >= losses[0] + rise)
    if not above.size:
        return None
    i = above[0]
    share = (losses[0] + rise - losses[i - 1]) / (losses[i] - losses[i - 1])
    return float(distances[i - 1] + share * (distances[i] - distances[i - 1]))
