"""The gradient of a convolution with respect to its kernel, on CPU.

XLA's kernel gradient, a convolution whose kernel is the whole cotangent, runs at an
eighth to a half of the speed of the forward pass for the wide layers of ResNet-19 and
VGGSNN. Products of matrices do not; where channels are few, neither does the same
convolution of few images at a time. Which form is fastest depends on the channels, to
good measure: ``benchmarks/convolution.py`` compares them.
"""

import math

import jax
import jax.numpy as jnp

from qifjax.neurons import at_least_float32
from qifjax.nn.convolution import winograd
from qifjax.nn.convolution.geometry import (
    LAYOUT,
    Pads,
    Strides,
    images_at_once,
    padded,
    positions,
    shifted,
)

# Fewer channels or features do not fill the products of a position; these are too few
# for more than one product over all positions.
FEW, FEWEST_CHANNELS = 16, 4
# So many images, and pixels over all channels, stay in the cache.
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
    if shape != (1, 1):
        if min(channels, features) >= FEW:
            form = by_blocks
            if winograd.fits(shape, strides) and winograd.gradient_pays(x, cotangent):
                form = by_winograd
        elif channels < FEWEST_CHANNELS and features >= FEW:
            form = by_patches
        else:
            form = by_convolution
    return form(x, cotangent, shape, strides, pads)


def by_convolution(x, cotangent, shape, strides, pads):
    """A convolution of a few images with their cotangent, few by few.

    The channels are the images, the images the channels, and the cotangent is the
    kernel, dilated by the stride. The loop also keeps the cotangent in the shape in
    which it is computed: what computes it would be slow in the shape of the kernel.
    """
    count = math.gcd(len(x), CHUNK)
    wide = at_least_float32(cotangent.dtype)

    def add(i, total):
        seen, error = (
            jax.lax.dynamic_slice_in_dim(a, i * count, count).astype(wide)
            for a in (x, cotangent)
        )
        kernel = jax.lax.conv_general_dilated(
            jnp.transpose(seen, (3, 1, 2, 0)),
            jnp.transpose(error, (1, 2, 0, 3)),
            (1, 1),
            pads,
            rhs_dilation=strides,
            dimension_numbers=LAYOUT,
        )
        # The last stride may leave pixels over.
        return total + kernel[:, : shape[0], : shape[1]]

    start = jnp.zeros((x.shape[-1], *shape, cotangent.shape[-1]), wide)
    total = jax.lax.fori_loop(0, len(x) // count, add, start)
    return jnp.moveaxis(total, 0, 2).astype(cotangent.dtype)


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
