"""The gradient of a convolution with respect to its kernel, on CPU.

XLA's kernel gradient, and the same written as a convolution whose kernel is the whole
cotangent, runs at a twentieth to a quarter of the speed of the forward pass for the
wide layers of ResNet-19 and VGGSNN on images of 16 pixels and more. Products of
matrices do not. Which form is fastest depends on the channels alone, to good measure:
``benchmarks/convolution.py`` compares them, with the table that it has written in
``docs/results/convolution.md``.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Strides = tuple[int, ...]
Pads = tuple[tuple[int, int], tuple[int, int]]
_LAYOUT = ("NHWC", "HWIO", "NHWC")

# Below the first, the input channels of one kernel position are too few for a product;
# below the second, so are the output channels for a product of all positions.
FEW_CHANNELS, SOME_FEATURES = 8, 32
# From it on, input times output channels fill a product for every kernel position.
MANY_CHANNELS = 64 * 64


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
    return _form(x.shape[-1], cotangent.shape[-1], shape)(
        x, cotangent, shape, strides, pads
    )


def _form(channels: int, features: int, shape: tuple[int, int]) -> Callable:
    if channels < FEW_CHANNELS and features >= SOME_FEATURES:
        return by_patches
    if shape == (1, 1) or channels * features >= MANY_CHANNELS:
        return by_positions
    return by_correlation


def by_patches(x, cotangent, shape, strides, pads):
    """One product for all kernel positions: patches of ``x`` times the cotangent."""
    channels, features = x.shape[-1], cotangent.shape[-1]
    # Rows of one channel are long and contiguous, those of few channels are not.
    planes = jnp.moveaxis(_padded(x, pads), -1, 0)
    rows = [
        _shifted(planes, position, cotangent.shape[1:3], strides)
        for position in _positions(shape)
    ]
    patches = jnp.stack(rows).reshape(len(rows) * channels, -1)
    product = patches @ cotangent.reshape(-1, features)
    return product.reshape(*shape, channels, features)


def by_positions(x, cotangent, shape, strides, pads):
    """One product for each kernel position: ``x`` shifted, times the cotangent.

    They are a loop, so that a single shifted copy of ``x`` lives at a time.
    """
    channels, features = x.shape[-1], cotangent.shape[-1]
    padded, flat = _padded(x, pads), cotangent.reshape(-1, features)
    extent = [_dilated(cotangent, strides, i) for i in range(2)]

    def product(position):
        start = (0, position[0], position[1], 0)
        seen = jax.lax.dynamic_slice(padded, start, (len(x), *extent, channels))
        seen = seen[:, :: strides[0], :: strides[1]]
        return seen.reshape(-1, channels).T @ flat

    products = jax.lax.map(product, jnp.asarray(_positions(shape)))
    return products.reshape(*shape, channels, features)


def by_correlation(x, cotangent, shape, strides, pads):
    """A convolution whose kernel is the cotangent and which sums over the batch."""
    highs = [
        shape[i] - 1 - x.shape[1 + i] - pads[i][0] + _dilated(cotangent, strides, i)
        for i in range(2)
    ]
    product = jax.lax.conv_general_dilated(
        jnp.transpose(x, (3, 1, 2, 0)),
        jnp.transpose(cotangent, (1, 2, 0, 3)),
        (1, 1),
        [(pads[i][0], highs[i]) for i in range(2)],
        rhs_dilation=strides,
        dimension_numbers=_LAYOUT,
    )
    return jnp.transpose(product, (1, 2, 0, 3))


def _positions(shape):
    return [(i, j) for i in range(shape[0]) for j in range(shape[1])]


def _padded(x, pads):
    return jnp.pad(x, ((0, 0), *pads, (0, 0)))


def _shifted(planes, position, size, strides):
    """The ``size`` pixels that a kernel position sees of planes ``[C, B, H, W]``."""
    rows, columns = (
        slice(position[i], position[i] + (size[i] - 1) * strides[i] + 1, strides[i])
        for i in range(2)
    )
    return planes[:, :, rows, columns]


def _dilated(cotangent, strides, i):
    return (cotangent.shape[1 + i] - 1) * strides[i] + 1
