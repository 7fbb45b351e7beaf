"""How much memory a device has, and how much a compiled program takes of it."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax


class Needed(NamedTuple):
    """Memory that a compiled program holds on a device while it runs, in bytes.

    Attributes:
      arguments: what it is given and what it returns, the reused memory once.
      temporary: what lives within it.
    """

    arguments: int
    temporary: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.arguments + self.temporary


def needed(program: jax.stages.Compiled) -> Needed | None:
    """What XLA plans for a program; None where a backend does not say.

    Args:
      program: a compiled program.

    Returns:
      The memory.
    """
    found = program.memory_analysis()
    if found is None:
        return None
    results = found.output_size_in_bytes - found.alias_size_in_bytes
    return Needed(found.argument_size_in_bytes + results, found.temp_size_in_bytes)


def device_memory(device: jax.Device) -> int:
    """Bytes of a device that JAX may use; on CPU, of the machine.

    Args:
      device: the device.

    Returns:
      The number of bytes.
    """
    statistics: Mapping[str, Any] = device.memory_stats() or {}
    if "bytes_limit" in statistics:
        return int(statistics["bytes_limit"])
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
