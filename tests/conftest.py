"""What every test runs under: strict arithmetic, two CPU devices, no cache."""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + (
    " --xla_force_host_platform_device_count=2"
)
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)

import jax
import numpy as np
import pytest

from qifjax import data

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(params=["jit", "no_jit"])
def maybe_jit(request):
    """A function transformation: ``jax.jit``, or nothing."""
    return jax.jit if request.param == "jit" else lambda function: function


@pytest.fixture(scope="session")
def photographs():
    """Real images, and some that real ones are not: flat, two-valued, dark, noisy."""
    try:
        real = np.asarray(data.load("cifar10", split="test").inputs[:40])
    except data.DataError:
        digits = data.load("digits").inputs[:40, :32, :32]
        real = np.concatenate([digits, digits[::-1], digits[:, ::-1]], -1)
    shape = real.shape[1:]
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    odd = [np.full(shape, 77), np.where(noise < 128, 3, 200), noise // 20, noise]
    return np.concatenate([real, np.stack(odd).astype(np.uint8)])
