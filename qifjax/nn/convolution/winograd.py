"""Convolution with kernels of three by three by Winograd's minimal filtering.

In F(2x2, 3x3), two by two pixels of the result take 16 products of channels instead of
36. The images and the kernel are combined linearly into 16 matrices each; the products
of these matrices, combined again, are the convolution. The combinations of images are
sums and differences of four pixels, exact for spikes, and all rounding stays within a
small factor of that of a plain sum of products.

Source: A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR
2016, section 4.1, whose matrices B, G and A these are. The gradient of the kernel is
the transpose of the same map.
"""

import functools
import math
import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from qifjax.barrier import never
from qifjax.nn.convolution.geometry import (
    Pads,
    Strides,
    images_at_once,
    output_size,
    padded,
)

SIDE, STEP = 4, 2
_B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]).T
_G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
_A = np.array([[1, 1, 1, 0], [0, 1, -1, -1]]).T
# Of the places of a square, row by row.
_OF_IMAGES, _OF_KERNEL, _OF_RESULT = (np.kron(m, m) for m in (_B.T, _G, _A.T))

# The combinations cost more than the products that they save where channels are fewer
# (of a kernel's gradient, fewer than very many), or where a kernel is for fewer tiles.
WIDE, VERY_WIDE, MANY = 64, 128, 128
# So many pixels at a time: fewer make products too small for several cores, more leave
# the cache, of which the sums of a gradient take a part.
PIXELS, GRADIENT_PIXELS = 4096, 1024


def fits(kernel: Sequence[int], strides: Strides) -> bool:
    """Whether a convolution is one of those that can be made so.

    Args:
      kernel: shape of the kernel, ``[K, L, ...]``.
      strides: strides in pixels per axis.
    """
    return tuple(kernel[:2]) == (3, 3) and set(strides) == {1}


def pays(pixels: Sequence[int], kernel: jax.Array) -> bool:
    """Whether :func:`convolution` is faster than XLA's, where it fits.

    Args:
      pixels: extent of the result, ``(B, H', W')``.
      kernel: ``[3, 3, C, F]``.
    """
    tiles = pixels[0] * math.prod(_tiles(pixels[1:]))
    return min(kernel.shape[2:]) >= WIDE and tiles >= MANY and _exact(kernel)


def gradient_pays(x: jax.Array, cotangent: jax.Array) -> bool:
    """Whether :func:`kernel_gradient` is faster than other forms, where it fits.

    Args:
      x: images ``[B, H, W, C]``.
      cotangent: cotangent of the convolution, ``[B, H', W', F]``.
    """
    return min(x.shape[-1], cotangent.shape[-1]) >= VERY_WIDE and _exact(x)


def convolution(x: jax.Array, kernel: jax.Array, pads: Pads) -> jax.Array:
    """A convolution of stride one, few images at a time, which stay in the cache.

    Args:
      x: images ``[B, H, W, C]``.
      kernel: ``[3, 3, C, F]``.
      pads: pixels of zeros before and after per axis.

    Returns:
      ``[B, H', W', F]``.
    """
    height, width = output_size(x, kernel.shape[:2], (1, 1), pads)
    rows, columns = tiles = _tiles((height, width))
    around = _widened(pads, _margins((height, width)))
    count = images_at_once(len(x), (height, width), PIXELS)

    def convolved(x, kernel):
        factors = _combined(_OF_KERNEL, list(kernel.reshape(9, *kernel.shape[2:])))

        def of_block(images):
            seen = _combined(_OF_IMAGES, _places(padded(images, around), SIDE, tiles))
            products = [s @ factor for s, factor in zip(seen, factors, strict=True)]
            found = jnp.stack(_combined(_OF_RESULT, products))
            found = found.reshape(STEP, STEP, count, rows, columns, -1)
            found = jnp.transpose(found, (2, 3, 0, 4, 1, 5))
            found = found.reshape(count, STEP * rows, STEP * columns, -1)
            return found[:, :height, :width]

        found = jax.lax.map(of_block, x.reshape(-1, count, *x.shape[1:]))
        return found.reshape(len(x), height, width, -1)

    def nothing(x, kernel):
        return jnp.zeros((len(x), height, width, kernel.shape[-1]), x.dtype)

    # XLA on CPU would combine the kernels of all layers at the beginning of a program,
    # which a condition on x forbids.
    return jax.lax.cond(never(x), nothing, convolved, x, kernel)


def kernel_gradient(x: jax.Array, cotangent: jax.Array, pads: Pads) -> jax.Array:
    """What a convolution of stride one passes back to its kernel.

    Args:
      x: images ``[B, H, W, C]``.
      cotangent: cotangent of the convolution, ``[B, H', W', F]``.
      pads: pixels of zeros before and after per axis.

    Returns:
      The cotangent of the kernel, ``[3, 3, C, F]``.
    """
    size = cotangent.shape[1:3]
    tiles, margins = _tiles(size), _margins(size)
    count = images_at_once(len(x), size, GRADIENT_PIXELS)
    of_result, of_kernel = (m.T.astype(x.dtype) for m in (_OF_RESULT, _OF_KERNEL))

    def add(i, total):
        images, errors = (
            padded(jax.lax.dynamic_slice_in_dim(a, i * count, count), pixels)
            for a, pixels in ((x, _widened(pads, margins)), (cotangent, margins))
        )
        seen = _combined(_OF_IMAGES, _places(images, SIDE, tiles))
        # A product: each of 16 sums would be turned round within a product of its own.
        spread = jnp.tensordot(of_result, jnp.stack(_places(errors, STEP, tiles)), 1)
        return total + jnp.einsum("snc,snf->scf", jnp.stack(seen), spread)

    shape = (SIDE**2, x.shape[-1], cotangent.shape[-1])
    zeros = jnp.zeros(shape, cotangent.dtype)
    total = jax.lax.fori_loop(0, len(x) // count, add, zeros)
    return jnp.tensordot(of_kernel, total, 1).reshape(3, 3, *shape[1:])


def _exact(array: jax.Array) -> bool:
    """Whether sums of a few of its values are not rounded to shorter floats."""
    return array.dtype.itemsize >= 4


def _tiles(size: Sequence[int]) -> list[int]:
    """The number of tiles that cover ``size`` pixels, per axis."""
    return [-(-pixels // STEP) for pixels in size]


def _margins(size: Sequence[int]) -> Pads:
    """The pixels by which the tiles that cover ``size`` exceed it."""
    height, width = (-pixels % STEP for pixels in size)
    return (0, height), (0, width)


def _widened(pads: Pads, margins: Pads) -> Pads:
    """Pads and margins in one."""
    (top, bottom), (left, right) = (
        (pads[i][0] + margins[i][0], pads[i][1] + margins[i][1]) for i in range(2)
    )
    return (top, bottom), (left, right)


def _places(images: jax.Array, side: int, tiles: Sequence[int]) -> list[jax.Array]:
    """The pixels at ``side`` by ``side`` places of all tiles, each ``[tiles, C]``."""
    ends = [STEP * (count - 1) + 1 for count in tiles]
    return [
        images[:, i : i + ends[0] : STEP, j : j + ends[1] : STEP].reshape(
            -1, images.shape[-1]
        )
        for i in range(side)
        for j in range(side)
    ]


def _combined(matrix: np.ndarray, arrays: Sequence[jax.Array]) -> list[jax.Array]:
    """The sums of ``arrays`` that the rows of a matrix weight, without its zeros."""
    # Neither zeros nor ones are computed with, which would take longer to trace.
    terms = [
        [
            a if weight == 1 else weight * a
            for weight, a in zip(row, arrays, strict=True)
            if weight
        ]
        for row in matrix.tolist()
    ]
    return [functools.reduce(operator.add, row) for row in terms]
