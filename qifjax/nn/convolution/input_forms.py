"""The gradient of a convolution with respect to its input, on CPU.

It is a convolution of the cotangent with the kernel turned round, of which XLA has two
layouts; only the one that is written here is fast inside loops. Where it gives fewer
channels than a vector holds, XLA is slow in any layout: for small images a product with
banded matrices, in which most terms count, is twice as fast
(``benchmarks/convolution.py``).
"""

import functools

import jax
import jax.numpy as jnp

from qifjax.nn.convolution import winograd
from qifjax.nn.convolution.geometry import LAYOUT, Pads, Strides, banded

# Fewer input channels leave a vector unfilled.
FEW_CHANNELS = 8
# A banded matrix may waste half of its products.
WASTE = 2


def input_gradient(
    cotangent: jax.Array,
    kernel: jax.Array,
    shape: tuple[int, ...],
    strides: Strides,
    pads: Pads,
) -> jax.Array:
    """What a convolution passes back to its input, by the form that suits it.

    Args:
      cotangent: cotangent of the convolution, ``[B, H', W', F]``.
      kernel: ``[K, L, C, F]``.
      shape: shape of the input, ``[B, H, W, C]``.
      strides: strides in pixels per axis.
      pads: pixels of zeros before and after per axis.

    Returns:
      The cotangent of the input, ``[B, H, W, C]``.
    """
    form = by_convolution
    if set(strides) == {1} and kernel.shape[2] < FEW_CHANNELS:
        width = shape[2] + sum(pads[1])
        banded = cotangent.shape[1] * cotangent.shape[2] * width
        if banded <= WASTE * shape[1] * shape[2] * kernel.shape[1]:
            form = by_bands
    elif winograd.fits(kernel.shape, strides) and winograd.pays(shape[:3], kernel):
        form = by_winograd
    return form(cotangent, kernel, shape, strides, pads)


def by_convolution(cotangent, kernel, shape, strides, pads):
    """A convolution of the cotangent, dilated by the stride."""
    return jax.lax.conv_general_dilated(
        cotangent,
        _turned(kernel),
        (1, 1),
        _margins(cotangent, kernel, shape, strides, pads),
        lhs_dilation=strides,
        dimension_numbers=LAYOUT,
    )


def by_winograd(cotangent, kernel, shape, strides, pads):
    """:func:`by_convolution` for kernels of three by three and strides of one."""
    margins = _margins(cotangent, kernel, shape, strides, pads)
    return winograd.convolution(cotangent, _turned(kernel), margins)


def by_bands(cotangent, kernel, shape, strides, pads):
    """Rows of the cotangent times one banded matrix for each row of the kernel.

    It is for strides of one.
    """
    del strides
    batch, height, width, features = cotangent.shape
    rows, channels = kernel.shape[0], kernel.shape[2]
    full = [shape[1 + i] + sum(pads[i]) for i in range(2)]
    bands = banded(kernel, full[1], width).reshape(-1, width * features)
    products = cotangent.reshape(-1, width * features) @ bands.T
    products = products.reshape(batch, height, rows, full[1] * channels)
    placed = [
        jnp.pad(products[:, :, row], ((0, 0), (row, full[0] - height - row), (0, 0)))
        for row in range(rows)
    ]
    total = functools.reduce(jnp.add, placed).reshape(batch, *full, channels)
    (top, _), (left, _) = pads
    return total[:, top : top + shape[1], left : left + shape[2]]


def _turned(kernel):
    """The kernel turned round, from the features to the channels."""
    return jnp.swapaxes(kernel[::-1, ::-1], 2, 3)


def _margins(cotangent, kernel, shape, strides, pads):
    """Pixels of zeros around the cotangent, dilated by the stride, per axis."""
    lows = [kernel.shape[i] - 1 - pads[i][0] for i in range(2)]
    dilated = [(cotangent.shape[1 + i] - 1) * strides[i] + 1 for i in range(2)]
    highs = [shape[1 + i] + kernel.shape[i] - 1 - dilated[i] - lows[i] for i in (0, 1)]
    return tuple(zip(lows, highs, strict=True))
