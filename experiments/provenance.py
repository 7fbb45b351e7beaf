"""Where a result comes from: commit, versions, device, memory."""

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax

_PACKAGES = ("qifjax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def describe() -> dict[str, Any]:
    """Commit, package versions and kind of device of this process."""
    return {
        "git_commit": _commit(),
        "versions": {
            "python": sys.version.split()[0],
            **{name: _version(name) for name in _PACKAGES},
        },
        "device": device(),
    }


def device() -> str:
    """What this process computes on; of a CPU, which JAX knows by no name, its kind."""
    first = jax.devices()[0]
    if first.platform != "cpu":
        return first.device_kind
    return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # but imported from its folder


def peak_memory_bytes() -> int:
    """Largest memory of a device of this process so far; on CPU, of the process."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in statistics:
        return int(statistics["peak_bytes_in_use"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _commit() -> str | None:
    """The commit of this checkout, marked where it has uncommitted changes.

    Where the code lies without its history, the environment variable QIFJAX_COMMIT says
    of which commit it is.
    """
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    here = Path(__file__).parent
    try:
        found = subprocess.run(command, cwd=here, capture_output=True, text=True)
        known = found.stdout.strip()
    except OSError:
        known = ""
    return known or os.environ.get("QIFJAX_COMMIT")
