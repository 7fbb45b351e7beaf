"""Images whose pixels tell their origin, and whether draws fit a distribution."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

KEY = jax.random.key(0)
MANY = 4000


def numbered(n, size=12, channels=1):
    """Images whose pixels, 1 to 144, all differ, so that a pixel tells its origin."""
    image = np.arange(1, size * size + 1, dtype=np.uint8).reshape(1, size, size, 1)
    return jnp.asarray(np.tile(image, (n, 1, 1, channels)))


jitted = functools.cache(jax.jit)


def run(kind, *batch, key=KEY):
    """An augmentation, compiled once for each shape."""
    return jitted(kind)(key, *batch)


def plain(image):
    return np.asarray(image)[..., 0]


def uniform(values, low, high):
    """Whether integers are uniform in low to high, ends included (p > 1e-4)."""
    counts = np.bincount(np.asarray(values) - low, minlength=high - low + 1)
    return len(counts) == high - low + 1 and stats.chisquare(counts).pvalue > 1e-4


def share(count, probability, n=MANY):
    """Whether a count fits a probability (p > 1e-4)."""
    return stats.binomtest(int(count), n, probability).pvalue > 1e-4
