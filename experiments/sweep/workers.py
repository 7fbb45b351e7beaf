"""Trains the cells of a sweep in several processes, each on a core of its own."""

import concurrent.futures
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from experiments.run_folder import RunError

T = TypeVar("T")

# macOS lets no process choose its cores.
_PINS = hasattr(os, "sched_setaffinity")


def cores() -> list[int]:
    """The cores that this process may use."""
    if not _PINS:
        return list(range(os.cpu_count() or 1))
    return sorted(os.sched_getaffinity(0))


def on_every_core(
    work: Callable[..., T],
    arguments: Sequence[tuple[Any, ...]],
    watch: Callable[[], None] = lambda: None,
) -> list[T]:
    """Calls a function once in a process for each core, all at the same time.

    Args:
      work: a function of a module; it and its arguments must be picklable.
      arguments: its arguments for each core of :func:`cores`.
      watch: called every second while they run.

    Returns:
      What each has returned.

    Raises:
      RunError: if a process was killed.
      Exception: the first that a process has raised; the others are stopped.
    """
    # A forked process would inherit the threads and locks of JAX.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(len(arguments), context) as pool:
        jobs = [
            pool.submit(_pinned, core, work, own)
            for core, own in zip(cores(), arguments, strict=True)
        ]
        try:
            waiting = set(jobs)
            while waiting:
                done, waiting = concurrent.futures.wait(
                    waiting, 1, concurrent.futures.FIRST_COMPLETED
                )
                for job in done:
                    job.result()  # raises what the process has raised
                watch()
            return [job.result() for job in jobs]
        except BrokenProcessPool as error:
            raise RunError(
                "a process of the sweep was killed, perhaps for want of memory; "
                "finished cells are kept, --strategy map takes one process"
            ) from error
        finally:
            for child in multiprocessing.active_children():
                child.terminate()


def _pinned(core: int, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    # Before JAX makes its threads, of which it takes one for each core that it may use.
    if _PINS:
        os.sched_setaffinity(0, {core})
    threading.Thread(target=_follow_parent, daemon=True).start()
    return work(*arguments)


def _follow_parent() -> None:
    """Ends this process when the one that has started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
