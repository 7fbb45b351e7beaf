"""What every test runs under: strict arithmetic, two CPU devices, one cache."""

import atexit
import importlib.metadata
import os
import shutil
import tempfile

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + (
    " --xla_force_host_platform_device_count=2"
    # Most of a test's time is compilation, and its arrays are small.
    " --xla_backend_optimization_level=0"
)
if importlib.metadata.version("jaxlib").startswith("0.10."):
    # Twice as fast to compile; later releases know no such choice, and end at it.
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"
os.environ["JAX_PLATFORMS"] = "cpu"
if "PYTEST_XDIST_WORKER" not in os.environ:
    # Many tests train the same network; the workers share what one has compiled.
    cache = tempfile.mkdtemp(prefix="qifjax-tests-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = cache
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

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
        around = ((0, 0), (2, 2), (2, 2), (0, 0))
        digits = np.pad(data.load("digits").inputs[:40], around)
        real = np.concatenate([digits, digits[::-1], digits[:, ::-1]], -1)
    shape = real.shape[1:]
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    odd = [np.full(shape, 77), np.where(noise < 128, 3, 200), noise // 20, noise]
    return np.concatenate([real, np.stack(odd).astype(np.uint8)])


@pytest.fixture
def standard_promotion():
    """JAX's usual dtype promotion, which the schedules of optax rely on."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="module")
def shared_programs():
    """The runs of a module share their programs where they can; see tests/runs.py."""
    from tests.runs import sharing_programs

    with sharing_programs():
        yield


@pytest.fixture(scope="module")
def finished(shared_programs, tmp_path_factory):
    """A small run on digits that nothing disturbed."""
    from tests.runs import run

    with jax.numpy_dtype_promotion("standard"):
        return run(tmp_path_factory.mktemp("finished") / "run")
