"""Loss landscapes along random directions.

The method is that of Li et al., Visualizing the loss landscape of neural nets, 2018. A
loss is any function of the parameters that returns a scalar: nothing here knows what a
network is.
"""

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np

PyTree = Any
Loss: TypeAlias = Callable[[PyTree], jax.Array]
"""A function of the parameters. What a :class:`jax.tree_util.Partial` holds besides is
placed on every device that evaluates it; what another closes over is where it is."""

Strategy: TypeAlias = Literal["loop", "map", "vmap"]
"""How the points of a chunk are evaluated: by one call each, one after another in one
program, or all at once."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


def filter_normalised(key: jax.Array, params: PyTree) -> PyTree:
    """A random direction, each filter of which is as long as that of the parameters.

    Leaves of fewer than two axes (biases, scales and shifts of norms, parameters of
    neurons) are zero, as in Li et al. A filter is an index of the last axis: the
    weights of one output channel.

    Args:
      key: PRNG key; the same key gives the same draws for equal shapes.
      params: parameters of any nesting; kernels have their output channels last.

    Returns:
      The direction, in the structure of ``params``.
    """
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))

    def direction(key, leaf):
        if leaf.ndim < 2:
            return jnp.zeros_like(leaf)
        drawn = jax.random.normal(key, leaf.shape, leaf.dtype)
        axes = tuple(range(leaf.ndim - 1))
        own, new = (
            jnp.sqrt(jnp.sum(a * a, axes, keepdims=True)) for a in (leaf, drawn)
        )
        return drawn * (own / new)

    drawn = [direction(*pair) for pair in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, drawn)


def moved(
    params: PyTree, directions: Sequence[PyTree], coefficients: jax.Array
) -> PyTree:
    """The parameters, moved along directions.

    Args:
      params: parameters.
      directions: D directions in the structure of ``params``.
      coefficients: how far, ``[D]``.

    Returns:
      ``params + sum_d coefficients[d] directions[d]``.
    """
    for d, direction in enumerate(directions):
        step = coefficients[d]
        params = jax.tree.map(lambda p, v, s=step: p + s * v, params, direction)
    return params


def evaluator(
    loss: Loss, params: PyTree, directions: Sequence[PyTree], strategy: Strategy
) -> Callable[[jax.Array], jax.Array]:
    """A function from points to losses, compiled for the device of its points.

    Args:
      loss: what to evaluate.
      params: the point ``0``.
      directions: D directions.
      strategy: how.

    Returns:
      A function from points ``[P, D]`` to losses ``[P]``.
    """

    def at(loss, params, directions, point):
        return loss(moved(params, directions, point))

    def at_all(loss, params, directions, points):
        here = functools.partial(at, loss, params, directions)
        if strategy == "vmap":
            return jax.vmap(here)(points)
        return jax.lax.map(here, points)

    one, many = jax.jit(at), jax.jit(at_all)
    everything = (jax.tree_util.Partial(loss), params, list(directions))
    place = functools.cache(lambda device: jax.device_put(everything, device))

    def run(points):
        placed = place(points.devices().pop())
        if strategy == "loop":
            return jnp.stack([one(*placed, point) for point in points])
        return many(*placed, points)

    return run


def fastest(
    loss: Loss,
    params: PyTree,
    directions: Sequence[PyTree],
    points: jax.Array,
    repeats: int = 3,
) -> tuple[Strategy, dict[str, float]]:
    """Measures all strategies on some points.

    Args:
      loss: what to evaluate.
      params: the point ``0``.
      directions: D directions.
      points: ``[P, D]``.
      repeats: timed passes, in turns; the shortest counts, as other work only adds.

    Returns:
      The fastest strategy, and the seconds a point of each.
    """
    runs = {s: evaluator(loss, params, directions, s) for s in STRATEGIES}
    seconds: dict[str, float] = {}
    for number in range(repeats + 1):
        for strategy, run in runs.items():
            start = time.perf_counter()
            run(points).block_until_ready()
            taken = (time.perf_counter() - start) / len(points)
            if number:  # the first pass compiles
                seconds[strategy] = min(taken, seconds.get(strategy, taken))
    return min(STRATEGIES, key=lambda strategy: seconds[strategy]), seconds


def evaluate_points(
    loss: Loss,
    params: PyTree,
    directions: Sequence[PyTree],
    points: np.ndarray,
    strategy: Strategy,
    chunk: int,
    devices: Sequence[jax.Device] | None = None,
) -> Iterator[np.ndarray]:
    """Losses at many points, a chunk for each device at a time.

    Args:
      loss: what to evaluate.
      params: the point ``0``.
      directions: D directions.
      points: ``[P, D]``.
      strategy: how the points of a chunk are evaluated.
      chunk: points a device at a time.
      devices: where; None takes the first.

    Yields:
      Losses ``[at most chunk * devices]``, in the order of the points.
    """
    # The last chunk is filled up, so that one program serves all.
    devices = devices or jax.devices()[:1]
    run = evaluator(loss, params, directions, strategy)
    for start in range(0, len(points), chunk * len(devices)):
        part = points[start : start + chunk * len(devices)]
        places = np.minimum(np.arange(chunk * len(devices)), len(part) - 1)
        shares = part[places].reshape(len(devices), chunk, -1).astype(np.float32)
        # Calls return before they are done, so the devices work at the same time.
        found = [
            run(jax.device_put(*pair)) for pair in zip(shares, devices, strict=True)
        ]
        yield np.concatenate([np.asarray(f) for f in found])[: len(part)]
