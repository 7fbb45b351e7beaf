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

from qifjax.nn.convolution.geometry import (
    LAYOUT,
    Pads,
    Strides,
    padded,
    positions,
    shifted,
)

# Fewer input channels are too few for one product a kernel position; fewer features
# for one product of all positions.
FEW_CHANNELS, SOME_FEATURES = 4, 16
# From it on, input times output channels fill a product for every kernel position.
ENOUGH_CHANNELS = 96


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
    if channels < FEW_CHANNELS:
        return by_patches if features >= SOME_FEATURES else by_correlation
    if shape == (1, 1) or channels * features >= ENOUGH_CHANNELS:
        return by_positions
    return by_correlation


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
    extent = [_dilated(cotangent, strides, i) for i in range(2)]

    def product(position):
        start = (0, position[0], position[1], 0)
        seen = jax.lax.dynamic_slice(around, start, (len(x), *extent, channels))
        seen = seen[:, :: strides[0], :: strides[1]]
        return seen.reshape(-1, channels).T @ flat

    products = jax.lax.map(product, jnp.asarray(positions(shape)))
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
        dimension_numbers=LAYOUT,
    )
    return jnp.transpose(product, (1, 2, 0, 3))


def _dilated(cotangent, strides, i):
    return (cotangent.shape[1 + i] - 1) * strides[i] + 1
