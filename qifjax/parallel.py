"""One training program, three ways: jit, pmap over devices, jit over a mesh of them.

Batch statistics, gradients and sums are of the global batch in all three, so the
results agree to rounding. Under pmap each device draws its augmentation and dropout for
its own share, so that these differ from the other two.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from qifjax.data.dataset import Batch
from qifjax.training import PyTree, Task

Mode = Literal["jit", "pmap", "mesh"]
AXIS = "devices"
"""Name of the axis over which a batch is divided."""


@dataclass(frozen=True)
class Layout:
    """Where a program runs and how a batch is divided.

    Attributes:
      mode: ``"jit"`` on one device; ``"pmap"`` over local devices; ``"mesh"`` for jit
        with a mesh, which may span the devices of many processes.
      devices: the devices; one for ``"jit"``.
    """

    mode: Mode
    devices: tuple[jax.Device, ...]

    @property
    def axis_name(self) -> str | None:
        """The axis over which networks average batch statistics, under pmap."""
        return AXIS if self.mode == "pmap" else None

    def divide(self, task: Task) -> Task:
        """The task as each device of this layout sees it.

        Args:
          task: a task for one device.

        Returns:
          The task whose batches are divided over the devices.

        Raises:
          ValueError: if the batch cannot be divided evenly.
        """
        count = len(self.devices)
        if task.batch_size % count:
            raise ValueError(
                f"a batch of {task.batch_size} cannot be divided over {count} devices; "
                f"choose a multiple of {count}"
            )
        place = self._place if self.mode == "mesh" else None
        return replace(task, axis_name=self.axis_name, place=place)

    def create(self, function: Callable[[], PyTree]) -> PyTree:
        """Computes arrays where :meth:`compile` takes them: the same on every device.

        Args:
          function: a function without arguments, the same in every process.

        Returns:
          Its result.
        """
        if self.mode == "mesh":
            return jax.jit(function, out_shardings=self._replicated)()
        return jax.jit(function)()

    def spread(self, tree: PyTree) -> PyTree:
        """Puts a copy of arrays on every device, once, for :meth:`compile`'s ``fixed``.

        Args:
          tree: arrays on the host or on a device.

        Returns:
          The arrays as :meth:`compile` takes them.
        """
        if self.mode == "jit":
            return jax.device_put(tree, self.devices[0])
        if self.mode == "mesh":
            return jax.device_put(tree, self._replicated)
        copy, each = _copier(self.devices), np.arange(len(self.devices))
        return jax.tree.map(lambda leaf: copy(each, leaf), tree)

    def compile(
        self,
        function: Callable[..., Any],
        arguments: Sequence[PyTree],
        *,
        fixed: int,
        donate: bool = False,
        options: Mapping[str, str | bool] | None = None,
    ) -> Callable[..., Any]:
        """Compiles a function of arrays for this layout, before its first call.

        Args:
          function: a function whose results are the same on every device.
          arguments: arguments of the shapes that it will get.
          fixed: position of the argument that :meth:`spread` has put on the devices.
          donate: reuse the memory of the first argument.
          options: what XLA has to be told.

        Returns:
          The compiled function.
        """
        told = dict(options or {})
        if self.mode == "pmap":
            axes = tuple(0 if i == fixed else None for i in range(len(arguments)))
            return (
                jax.pmap(
                    function,
                    axis_name=AXIS,
                    in_axes=axes,
                    out_axes=None,
                    devices=self.devices,
                )
                .lower(*arguments)
                .compile(told)
            )
        donated = (0,) if donate else ()
        if self.mode == "jit":
            lowered = jax.jit(function, donate_argnums=donated).lower(*arguments)
            return lowered.compile(told)
        replicated = self._replicated
        compiled = (
            jax.jit(function, donate_argnums=donated, out_shardings=replicated)
            .lower(*jax.device_put(tuple(arguments), replicated))
            .compile(told)
        )
        return lambda *given: compiled(*jax.device_put(given, replicated))

    @property
    def _mesh(self) -> Mesh:
        return Mesh(np.asarray(self.devices), (AXIS,), axis_types=(AxisType.Auto,))

    @property
    def _replicated(self) -> NamedSharding:
        return NamedSharding(self._mesh, PartitionSpec())

    def _place(self, batch: Batch) -> Batch:
        """Divides a batch over the mesh along its examples."""

        def divided(array, axis):
            spec = PartitionSpec(*[None] * axis, AXIS)
            return jax.lax.with_sharding_constraint(
                array, NamedSharding(self._mesh, spec)
            )

        time_major = batch.inputs.ndim == 5
        return Batch(
            divided(batch.inputs, 1 if time_major else 0),
            divided(batch.labels, 0),
            divided(batch.mask, 0),
        )


# Kept, since a new pmap would compile again for every batch that comes from the host.
@functools.cache
def _copier(devices: tuple[jax.Device, ...]) -> Callable[..., jax.Array]:
    """A function of ``(each, leaf)`` that puts a copy of ``leaf`` on every device."""
    return jax.pmap(lambda _, leaf: leaf, in_axes=(0, None), devices=devices)


def layout(mode: Mode = "jit", count: int | None = None) -> Layout:
    """A layout over the first devices of this machine, or of all machines for a mesh.

    Args:
      mode: see :class:`Layout`.
      count: number of devices; None takes one for ``"jit"`` and all for the others.

    Returns:
      The layout.

    Raises:
      ValueError: if there are not so many devices, or ``"jit"`` is asked for several.
    """
    there = jax.devices() if mode == "mesh" else jax.local_devices()
    wanted = count
    if wanted is None:
        wanted = 1 if mode == "jit" else len(there)
    if mode == "jit" and wanted != 1:
        raise ValueError(f"jit runs on one device, got {wanted}; use pmap or mesh")
    if not 1 <= wanted <= len(there):
        raise ValueError(f"{wanted} devices asked for, but there are {len(there)}")
    return Layout(mode, tuple(there[:wanted]))
