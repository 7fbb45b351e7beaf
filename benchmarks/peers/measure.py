"""Turns of the contestants at the same work, and first steps of fresh processes."""

import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.peers.field import Field
from benchmarks.peers.worker import PeerError
from experiments.partial import Partial

_WARM_UP = 2


def take_turns(
    field: Field, task: str, neurons: Iterable[str], rounds: int, partial: Partial
) -> None:
    """Times one task: in every round each contestant takes one turn with each neuron.

    Args:
      field: the contestants.
      task: name of the task.
      neurons: neuron models.
      rounds: number of rounds.
      partial: gets the seconds, in parts ``TASK NEURON CONTESTANT``.
    """
    units = [
        (neuron, name)
        for neuron in neurons
        for name in field.having(neuron)
        if len(partial.done(f"{task} {neuron} {name}")) < rounds
    ]
    _tell(f"{task}: preparing {len(units)} contestants and neurons")
    ready = [unit for unit in units if _prepare(field, task, *unit)]
    for number in range(rounds):
        _tell(f"{task}: round {number + 1} of {rounds}")
        for neuron, name in ready:
            part = f"{task} {neuron} {name}"
            # A killed command has left some one round ahead.
            if len(partial.done(part)) <= number and part not in field.left_out:
                try:
                    seconds = field.workers[name].ask("run", task=task, neuron=neuron)
                except PeerError as error:
                    field.leave_out(part, error)
                    continue
                partial.add(part, [seconds])
    for name in {name for _, name in ready}:
        try:
            field.workers[name].ask("drop")
        except PeerError as error:
            field.leave_out(f"{task} {name}", error)


def _prepare(field, task, neuron, name):
    try:
        arguments = {"task": task, "neuron": neuron, "warm_up": _WARM_UP}
        field.workers[name].ask("prepare", **arguments)
    except PeerError as error:
        field.leave_out(f"{task} {neuron} {name}", error)
        return False
    return True


def start_afresh(
    field: Field, task: str, neurons: Sequence[str], starts: int, partial: Partial
) -> None:
    """Times first steps with an empty and with a filled cache, and takes the memory.

    A first step counts from the start of the process to the end of the step. The memory
    is the largest resident one during further steps of the process with a warm cache.

    Args:
      field: the contestants; their running workers stay as they are.
      task: name of the task.
      neurons: neuron models.
      starts: how often each starts.
      partial: gets ``cold seconds, warm seconds, bytes`` of every start, in parts
        ``start TASK NEURON CONTESTANT``.
    """
    for number in range(starts):
        _tell(f"{task}: start {number + 1} of {starts}")
        for neuron in neurons:
            for name in field.having(neuron):
                part = f"start {task} {neuron} {name}"
                if len(partial.done(part)) <= 3 * number and part not in field.left_out:
                    try:
                        partial.add(part, _start(field, task, neuron, name))
                    except PeerError as error:
                        field.leave_out(part, error)


def _start(field, task, neuron, name):
    seconds, memory = [], 0
    with tempfile.TemporaryDirectory() as cache:
        for _ in ("cold", "warm"):
            begin = time.perf_counter()
            with field.start(name, _caches(cache)) as worker:
                worker.ask("prepare", task=task, neuron=neuron, warm_up=1)
                seconds.append(time.perf_counter() - begin)
                memory = worker.ask("peak_memory", task=task, neuron=neuron)
    return *seconds, memory


def _caches(folder: str) -> Mapping[str, str]:
    """Where compilers keep what they have compiled."""
    return {
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "TORCHINDUCTOR_CACHE_DIR": folder,
    }


def _tell(what: str) -> None:
    print(what, file=sys.stderr)
