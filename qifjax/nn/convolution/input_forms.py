"""The gradient of a convolution with respect to its input, on CPU.

It is a convolution of the cotangent with the kernel turned round, of which XLA has two
layouts; only the one that is written here is fast inside loops. Where it gives fewer
channels than a vector holds, XLA is slow in any layout, and products with banded
matrices, of which each takes a few columns of the cotangent at once, are three to six
times as fast in LeNet-5 (``benchmarks/convolution.py``).
"""

import functools

import jax
import jax.numpy as jnp

from qifjax.barrier import computed_once
from qifjax.nn.convolution import winograd
from qifjax.nn.convolution.geometry import (
    LAYOUT,
    Pads,
    Strides,
    banded,
    divisors,
    padded,
    positions,
)
from qifjax.nn.planes import FEW_CHANNELS

# So many times the kernel's columns at most: wider matrices are mostly zeros.
WIDEST = 2
# All bands are summed for each value.
MOST_BANDS = 4


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
        least = kernel.shape[1]
        if band_columns(cotangent.shape[2], least) <= WIDEST * least:
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
    """Bands of the cotangent times one banded matrix for each row of the kernel.

    It is for strides of one.
    """
    del strides
    batch, height, width, features = cotangent.shape
    rows, channels = kernel.shape[0], kernel.shape[2]
    full = [shape[1 + i] + sum(pads[i]) for i in range(2)]
    columns = band_columns(width, kernel.shape[1])
    span = columns + kernel.shape[1] - 1
    matrices = banded(kernel, span, columns).reshape(-1, columns * features)
    products = cotangent.reshape(-1, columns * features) @ matrices.T
    products = products.reshape(batch, height, -1, rows, span * channels)

    def placed(band, row):
        before = band * columns * channels
        behind = (full[1] - span) * channels - before
        around = ((row, full[0] - height - row), (before, behind))
        return padded(products[:, :, band, row], around)

    parts = [placed(*place) for place in positions((width // columns, rows))]
    # The gradient of pooling, which follows, would sum them for each of its values.
    total = computed_once(functools.reduce(jnp.add, parts))
    total = total.reshape(batch, *full, channels)
    (top, _), (left, _) = pads
    return total[:, top : top + shape[1], left : left + shape[2]]


def band_columns(width: int, least: int) -> int:
    """Columns of a band: the smallest divisor that leaves few bands, none narrower."""
    least = max(least, -(-width // MOST_BANDS))
    return min((n for n in divisors(width) if n >= least), default=width)


def _turned(kernel):
    """The kernel turned round, from the features to the channels."""
    return jnp.swapaxes(kernel[::-1, ::-1], 2, 3)


def _margins(cotangent, kernel, shape, strides, pads):
    """Pixels of zeros around the cotangent, dilated by the stride, per axis."""
    lows = [kernel.shape[i] - 1 - pads[i][0] for i in range(2)]
    dilated = [(cotangent.shape[1 + i] - 1) * strides[i] + 1 for i in range(2)]
    highs = [shape[1 + i] + kernel.shape[i] - 1 - dilated[i] - lows[i] for i in (0, 1)]
    return tuple(zip(lows, highs, strict=True))
