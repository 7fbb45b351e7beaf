"""What every test runs under: strict arithmetic, two CPU devices, one cache."""

import atexit
import os
import shutil
import tempfile

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + (
    " --xla_force_host_platform_device_count=2"
)
os.environ["JAX_PLATFORMS"] = "cpu"
if "PYTEST_XDIST_WORKER" not in os.environ:
    # Many tests train the same network; the workers share what one has compiled.
    cache = tempfile.mkdtemp(prefix="qifjax-tests-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = cache
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"

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
