"""Where a convolution's kernel lies on its image."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

Strides = tuple[int, ...]
Pads = tuple[tuple[int, int], tuple[int, int]]
LAYOUT = ("NHWC", "HWIO", "NHWC")


def positions(shape: Sequence[int]) -> list[tuple[int, int]]:
    """The positions in a kernel of ``(K, L)`` pixels, row by row."""
    return [(i, j) for i in range(shape[0]) for j in range(shape[1])]


def padded(x: jax.Array, pads: Sequence[tuple[int, int]]) -> jax.Array:
    """Images ``[B, H, W, C]`` with zeros around them, or other axes behind a first."""
    # A literal zero: JAX takes the array that jnp.pad makes for a residual of the
    # convolution's gradient in second derivatives of loops.
    edges = [(0, 0, 0), *((*pad, 0) for pad in pads)]
    edges += [(0, 0, 0)] * (x.ndim - len(edges))
    return jax.lax.pad(x, x.dtype.type(0), edges)


def output_size(
    x: jax.Array, shape: Sequence[int], strides: Strides, pads: Pads
) -> tuple[int, int]:
    """Extent of what a kernel of ``shape`` makes of images ``[B, H, W, C]``."""
    height, width = (
        (x.shape[1 + i] + sum(pads[i]) - shape[i]) // strides[i] + 1 for i in range(2)
    )
    return height, width


def shifted(
    planes: jax.Array, position: tuple[int, int], size: Sequence[int], strides: Strides
) -> jax.Array:
    """The ``size`` pixels that a kernel position sees of planes ``[C, B, H, W]``."""
    rows, columns = (
        slice(position[i], position[i] + (size[i] - 1) * strides[i] + 1, strides[i])
        for i in range(2)
    )
    return planes[:, :, rows, columns]


def bands(
    around: jax.Array, shape: Sequence[int], width: int, columns: int
) -> jax.Array:
    """What each few columns of the output see of padded images, for strides of one.

    Args:
      around: padded images ``[B, H, W, C]``.
      shape: extent of the kernel in pixels ``(K, L)``.
      width: columns of the output, a multiple of ``columns``.
      columns: columns of a band.

    Returns:
      ``[B, H', width / columns, K, columns' C]``, where a band sees ``columns'`` of the
      input, the smallest multiple of ``columns`` that is not below columns + L - 1.
    """
    batch, rows, full, channels = around.shape
    height, count = rows - shape[0] + 1, width // columns
    # Bands overlap in blocks, which are few however wide the images are.
    seen = -(-(columns + shape[1] - 1) // columns)
    more = (count + seen - 1) * columns - full
    blocks = padded(around, [(0, 0), (0, more)])
    blocks = blocks.reshape(batch, rows, -1, columns * channels)
    found = [
        [blocks[:, i : i + height, j : j + count] for j in range(seen)]
        for i in range(shape[0])
    ]
    stacked = jnp.stack([jnp.stack(row, 3) for row in found], 3)
    return stacked.reshape(batch, height, count, shape[0], -1)


def banded(kernel: jax.Array, full: int, width: int) -> jax.Array:
    """Matrices ``[K, full C, width F]`` that map a row of the input to the output."""
    rows, columns, channels, features = kernel.shape
    placed = [
        padded(kernel, [(first, full - columns - first)]) for first in range(width)
    ]
    matrices = jnp.stack(placed, 3)  # [K, full, C, width, F]
    return matrices.reshape(rows, full * channels, width * features)


def images_at_once(batch: int, size: Sequence[int], pixels: int) -> int:
    """The divisor of a batch of images of ``size`` that comes nearest to ``pixels``."""
    return min(
        divisors(batch),
        key=lambda count: abs(math.log(count * math.prod(size) / pixels)),
    )


def divisors(number: int) -> list[int]:
    """What divides a number, from 1 to itself."""
    return [count for count in range(1, number + 1) if number % count == 0]
