"""The forward pass of a convolution, on CPU.

XLA's convolution gathers the channels of a pixel into vectors. With one to three
channels in and a few out there is nothing to gather: the first layer of LeNet-5 runs at
a tenth of the speed of a plain sum of shifted images. And where channels are many it
multiplies more than it has to (:mod:`qifjax.nn.convolution.winograd`). The table that
says so is made by ``benchmarks/convolution.py``.
"""

import functools

import jax
import jax.numpy as jnp

from qifjax.neurons import at_least_float32
from qifjax.nn.convolution import winograd
from qifjax.nn.convolution.geometry import (
    LAYOUT,
    Pads,
    Strides,
    output_size,
    padded,
    positions,
    shifted,
)

# So many products a pixel at most are a sum; so few features do not fill a vector.
FEW_PRODUCTS, FEW_FEATURES = 32, 32


def forward(x: jax.Array, kernel: jax.Array, strides: Strides, pads: Pads) -> jax.Array:
    """A convolution, by the form that suits it.

    Args:
      x: images ``[B, H, W, C]``.
      kernel: ``[K, L, C, F]``.
      strides: strides in pixels per axis.
      pads: pixels of zeros before and after per axis.

    Returns:
      ``[B, H', W', F]``.
    """
    products, features = kernel[..., 0].size, kernel.shape[-1]
    form = by_xla
    if products <= FEW_PRODUCTS and features < FEW_FEATURES:
        form = by_shifts
    elif winograd.fits(kernel.shape, strides):
        size = output_size(x, kernel.shape[:2], strides, pads)
        if winograd.pays((len(x), *size), kernel):
            form = by_winograd
    return form(x, kernel, strides, pads)


def by_xla(x, kernel, strides, pads):
    """XLA's own convolution."""
    return jax.lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=LAYOUT
    )


def by_winograd(x, kernel, strides, pads):
    """Winograd's, for kernels of three by three and strides of one."""
    del strides
    return winograd.convolution(x, kernel, pads)


def by_shifts(x, kernel, strides, pads):
    """A sum of shifted images, one for each kernel position and input channel."""
    wide = at_least_float32(x.dtype)
    size = output_size(x, kernel.shape[:2], strides, pads)
    # One channel's rows are long and contiguous; the features become planes too.
    planes = jnp.moveaxis(padded(x, pads), -1, 0).astype(wide)
    weights = kernel.astype(wide)[..., None, None, None]
    products = [
        weights[*position, channel]
        * shifted(planes[channel : channel + 1], position, size, strides)
        for position in positions(kernel.shape[:2])
        for channel in range(kernel.shape[2])
    ]
    total = functools.reduce(jnp.add, products)
    return jnp.moveaxis(total, 0, -1).astype(x.dtype)
