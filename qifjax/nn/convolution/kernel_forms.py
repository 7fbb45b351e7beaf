"""The gradient of a convolution with respect to its kernel, on CPU.

XLA's kernel gradient, and the same written as a convolution whose kernel is the whole
cotangent, runs at a twentieth to a quarter of the speed of the forward pass for the
wide layers of ResNet-19 and VGGSNN on images of 16 pixels and more, and for narrow
layers too. Products of matrices do not. Which form is fastest depends on the channels,
to good measure: ``benchmarks/convolution.py`` compares them.
"""

import functools
import math

import jax
import jax.numpy as jnp

from qifjax.neurons import at_least_float32
from qifjax.nn.convolution import winograd
from qifjax.nn.convolution.geometry import (
    Pads,
    Strides,
    images_at_once,
    padded,
    positions,
    shifted,
)
from qifjax.nn.planes import FEW_CHANNELS as FEW_FEATURES

# Fewer input channels are too few for one product a kernel position.
FEW_CHANNELS = 4
# So many pixels of a row share a product, or more where that makes too many products.
BAND, MOST_BANDS = 4, 4
# The patches of so many images stay in the cache, and so many pixels of all channels.
CHUNK, PIXELS = 16, 1024


def kernel_gradient(
    x: jax.Array,
    cotangent: jax.Array,
    shape: tuple[int, int],
    strides: Strides,
    pads: Pads,
) -> jax.Array:
    """What a convolution passes back to its kernel, by the form that suits it.

    Args:
      x: images ``[B, H, W, C]``.
      cotangent: cotangent of the convolution, ``[B, H', W', F]``.
      shape: extent of the kernel in pixels ``(K, L)``.
      strides: strides in pixels per axis.
      pads: pixels of zeros before and after per axis.

    Returns:
      The cotangent of the kernel, ``[K, L, C, F]``.
    """
    channels, features = x.shape[-1], cotangent.shape[-1]
    form = by_positions
    if shape != (1, 1) and channels < FEW_CHANNELS:
        form = by_bands if set(strides) == {1} else by_patches
        if features < FEW_FEATURES:
            form = by_planes
    elif shape != (1, 1) and min(channels, features) >= FEW_FEATURES:
        form = by_blocks
        if winograd.fits(shape, strides) and winograd.gradient_pays(x, cotangent):
            form = by_winograd
    return form(x, cotangent, shape, strides, pads)


def by_bands(x, cotangent, shape, strides, pads):
    """One product for each few columns of the image, which see a band of ``x``.

    Of what all pixels of the band and all columns have in common, the kernel's gradient
    is the sum along the diagonals. It is for strides of one.
    """
    del strides
    batch, height, width, features = cotangent.shape
    channels = x.shape[-1]
    columns = max(BAND, -(-width // MOST_BANDS))
    more = -width % columns
    (top, bottom), (left, right) = pads
    around = padded(x, ((top, bottom), (left, right + more)))
    errors = padded(cotangent, ((0, 0), (0, more)))
    span = columns + shape[1] - 1

    def product(first):
        rows = [
            around[:, row : row + height, first : first + span]
            for row in range(shape[0])
        ]
        seen = jnp.stack(rows, 2).reshape(batch * height, -1)
        error = errors[:, :, first : first + columns].reshape(batch * height, -1)
        return seen.T @ error

    products = [product(first) for first in range(0, width, columns)]
    total = functools.reduce(jnp.add, products)
    pairs = total.reshape(shape[0], span, channels, columns, features)
    diagonals = [pairs[:, j : j + shape[1], :, j] for j in range(columns)]
    return functools.reduce(jnp.add, diagonals)


def by_planes(x, cotangent, shape, strides, pads):
    """Patches of a few images times the planes of their cotangent, few by few.

    The loop also keeps the cotangent in the shape in which it is computed: fused into
    the reshape for one large product, all that computes it would be slow.
    """
    count = math.gcd(len(x), CHUNK)
    planes, errors = (jnp.moveaxis(a, -1, 0) for a in (padded(x, pads), cotangent))

    def add(i, total):
        seen, error = (
            jax.lax.dynamic_slice_in_dim(a, i * count, count, 1)
            for a in (planes, errors)
        )
        rows = [
            shifted(seen, position, cotangent.shape[1:3], strides)
            for position in positions(shape)
        ]
        patches = jnp.concatenate(rows).reshape(len(total), -1)
        return total + jax.lax.dot_general(
            patches,
            error.reshape(len(error), -1),
            (((1,), (1,)), ((), ())),
            preferred_element_type=total.dtype,
        )

    kernel = (*shape, len(planes), len(errors))
    wide = at_least_float32(cotangent.dtype)
    start = jnp.zeros((math.prod(kernel[:3]), len(errors)), wide)
    total = jax.lax.fori_loop(0, len(x) // count, add, start)
    return total.reshape(kernel).astype(cotangent.dtype)


def by_patches(x, cotangent, shape, strides, pads):
    """One product for all kernel positions: patches of ``x`` times the cotangent."""
    channels, features = x.shape[-1], cotangent.shape[-1]
    # Rows of one channel are long and contiguous, those of few channels are not.
    planes = jnp.moveaxis(padded(x, pads), -1, 0)
    rows = [
        shifted(planes, position, cotangent.shape[1:3], strides)
        for position in positions(shape)
    ]
    patches = jnp.stack(rows).reshape(len(rows) * channels, -1)
    product = patches @ cotangent.reshape(-1, features)
    return product.reshape(*shape, channels, features)


def by_positions(x, cotangent, shape, strides, pads):
    """One product for each kernel position: ``x`` shifted, times the cotangent.

    They are a loop, so that a single shifted copy of ``x`` lives at a time.
    """
    channels, features = x.shape[-1], cotangent.shape[-1]
    around, flat = padded(x, pads), cotangent.reshape(-1, features)
    extent = _extent(cotangent, strides)

    def product(position):
        return _seen(around, position, extent, strides).T @ flat

    products = jax.lax.map(product, jnp.asarray(positions(shape)))
    return products.reshape(*shape, channels, features)


def by_blocks(x, cotangent, shape, strides, pads):
    """:func:`by_positions` of few images at a time, which stay in the cache.

    Their cotangent is turned round once for all positions: XLA's fast products are
    those of rows with columns, and of other operands a plain one is made.
    """
    channels, features = x.shape[-1], cotangent.shape[-1]
    count = images_at_once(len(x), cotangent.shape[1:3], PIXELS)
    extent = _extent(cotangent, strides)
    starts = jnp.asarray(positions(shape))

    def add(i, total):
        seen, error = (
            jax.lax.dynamic_slice_in_dim(a, i * count, count) for a in (x, cotangent)
        )
        around = padded(seen, pads)
        # Without the barrier it would be turned round within every product.
        turned = jax.lax.optimization_barrier(error.reshape(-1, features).T)

        def add_product(at):
            position, before = at
            pixels = _seen(around, position, extent, strides)
            return before + jax.lax.dot(
                turned, pixels, preferred_element_type=before.dtype
            )

        return jax.lax.map(add_product, (starts, total))

    wide = at_least_float32(cotangent.dtype)
    start = jnp.zeros((len(starts), features, channels), wide)
    total = jax.lax.fori_loop(0, len(x) // count, add, start)
    kernel = jnp.swapaxes(total, 1, 2).reshape(*shape, channels, features)
    return kernel.astype(cotangent.dtype)


def _extent(cotangent, strides):
    """Rows and columns between the first pixel that a position sees and the last."""
    return [(cotangent.shape[1 + i] - 1) * strides[i] + 1 for i in range(2)]


def _seen(around, position, extent, strides):
    """The pixels that a kernel position sees of padded images, ``[pixels, C]``."""
    batch, *_, channels = around.shape
    start = (0, position[0], position[1], 0)
    seen = jax.lax.dynamic_slice(around, start, (batch, *extent, channels))
    return seen[:, :: strides[0], :: strides[1]].reshape(-1, channels)


def by_winograd(x, cotangent, shape, strides, pads):
    """Winograd's, for kernels of three by three and strides of one."""
    del shape, strides
    return winograd.kernel_gradient(x, cotangent, pads)
