"""Several processes that run one program, on one machine or on many.

The engine is JAX's own multi-controller runtime: every process runs the same code on
the same arguments, and only what leaves the program (files, messages) is left to the
first of them.
"""

import jax
from jax.experimental import multihost_utils


def connect(
    coordinator: str | None = None,
    count: int | None = None,
    index: int | None = None,
) -> None:
    """Joins the processes of a run; to be called before anything else of JAX.

    Args:
      coordinator: address of the first process, such as ``"10.0.0.1:1234"``; None takes
        all three from the environment of a cluster that JAX knows (Slurm, Cloud TPU,
        Open MPI, Kubernetes).
      count: number of processes.
      index: number of this process, from 0.

    Raises:
      RuntimeError: if the processes do not find one another.
      ValueError: if the environment does not name them.
    """
    jax.distributed.initialize(coordinator, count, index)


def is_first() -> bool:
    """Whether this process writes files and messages."""
    return jax.process_index() == 0


def wait_for_all(reason: str) -> None:
    """Returns when every process has come to this point.

    Args:
      reason: name of the point, the same in all of them.
    """
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(reason)


def any_of(flag: bool) -> bool:
    """Whether the flag is set in any of the processes, the same answer in all."""
    if jax.process_count() == 1:
        return flag
    return bool(multihost_utils.process_allgather(flag).any())
