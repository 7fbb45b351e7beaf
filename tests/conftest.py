"""What every test runs under: strict arithmetic, two CPU devices, no cache."""

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + (
    " --xla_force_host_platform_device_count=2"
)
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(params=["jit", "no_jit"])
def maybe_jit(request):
    """A function transformation: ``jax.jit``, or nothing."""
    return jax.jit if request.param == "jit" else lambda function: function


@pytest.fixture
def standard_promotion():
    """JAX's usual dtype promotion, which the schedules of optax rely on."""
    with jax.numpy_dtype_promotion("standard"):
        yield
