"""Operations on the values of uint8 images, equal to Pillow's to the bit.

Those that treat a value alike wherever it stands are tables: uint8 ``[C, 256]``, the
new value of each old one, for :func:`look_up`. Images here are single, ``[H, W, C]``.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_VALUES = np.arange(256, dtype=np.int32)
# ITU-R 601 luma in 2^-16, with which Pillow makes grey of RGB.
_LUMA = np.asarray([19595, 38470, 7471], np.int32)


def look_up(image: jax.Array, table: jax.Array) -> jax.Array:
    """Puts each value through the table of its channel."""
    channels = image.shape[-1]
    first = jnp.arange(channels, dtype=jnp.int32) * 256
    places = image.astype(jnp.int32) + jnp.broadcast_to(first, image.shape)
    return jnp.take(table.reshape(-1), places, mode="clip")


def invert(image: jax.Array) -> jax.Array:
    """Table of the negative."""
    return _same(jnp.asarray(255 - _VALUES), image)


def solarize(image: jax.Array, threshold: jax.Array) -> jax.Array:
    """Table that inverts values from a threshold on."""
    values = jnp.asarray(_VALUES)
    return _same(
        jnp.where(values.astype(jnp.float32) < threshold, values, 255 - values), image
    )


def posterize(image: jax.Array, bits: jax.Array) -> jax.Array:
    """Table that keeps the highest bits."""
    dropped = 8 - bits
    return _same((jnp.asarray(_VALUES) >> dropped) << dropped, image)


def brightness(image: jax.Array, factor: jax.Array) -> jax.Array:
    """Table between black (0), the image (1) and beyond."""
    return _same(blend(jnp.int32(0), jnp.asarray(_VALUES), factor), image)


def contrast(image: jax.Array, factor: jax.Array) -> jax.Array:
    """Table between the mean grey (0), the image (1) and beyond."""
    pixels = image.shape[0] * image.shape[1]
    total = jnp.sum(grey(image))
    # The mean, rounded to the nearest as int(mean + 0.5) does.
    mean = (2 * total + pixels) // (2 * pixels)
    return _same(blend(mean, jnp.asarray(_VALUES), factor), image)


def autocontrast(image: jax.Array) -> jax.Array:
    """Table that stretches each channel to 0 to 255."""
    lowest = jnp.min(image, axis=(0, 1)).astype(jnp.int32)[:, None]
    highest = jnp.max(image, axis=(0, 1)).astype(jnp.int32)[:, None]
    values = jnp.broadcast_to(jnp.asarray(_VALUES)[None, :], (image.shape[-1], 256))
    above = jnp.clip(values - lowest, 0, highest - lowest)
    span = jnp.maximum(highest - lowest, 1)
    exact = 255 * above // span
    # Pillow's float64 comes out just below some whole numbers and is cut there.
    starts, shortfalls = _shortfalls()
    divisor = jnp.asarray(np.gcd(_VALUES, 255))[span]
    multiple, rest = jnp.divmod(above * divisor, span)
    whole = (rest == 0) & (above > 0)
    row = jnp.asarray(starts)[span] + jnp.where(whole, multiple - 1, 0)
    below = whole & jnp.asarray(shortfalls)[row, lowest]
    stretched = exact - below.astype(jnp.int32)
    return jnp.where(highest > lowest, stretched, values).astype(jnp.uint8)


def equalize(image: jax.Array) -> jax.Array:
    """Table that makes the histogram of each channel as even as it can."""
    channels = image.shape[-1]
    channel = jnp.broadcast_to(jnp.arange(channels), image.shape)
    counts = jnp.zeros((channels, 256), jnp.int32).at[channel, image].add(1)
    brightest = jnp.max(image, axis=(0, 1)).astype(jnp.int32)
    largest = jnp.take_along_axis(counts, brightest[:, None], axis=1)
    pixels = image.shape[0] * image.shape[1]
    step = (pixels - largest) // 255
    before = jnp.cumsum(counts, axis=1) - counts
    even = (step // 2 + before) // jnp.maximum(step, 1)
    values = jnp.broadcast_to(jnp.asarray(_VALUES)[None, :], (channels, 256))
    return jnp.where(step > 0, jnp.minimum(even, 255), values).astype(jnp.uint8)


def color(image: jax.Array, factor: jax.Array) -> jax.Array:
    """An image between its grey version (0), itself (1) and beyond."""
    return blend(grey(image)[..., None], image.astype(jnp.int32), factor).astype(
        jnp.uint8
    )


def sharpness(image: jax.Array, factor: jax.Array) -> jax.Array:
    """An image between its smoothed version (0), itself (1) and beyond.

    Smoothing weighs the centre by 5 and its 8 neighbours by 1; the border stays.
    """
    wide = image.astype(jnp.int32)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    weighted = around + 4 * wide[1:-1, 1:-1]
    smooth = wide.at[1:-1, 1:-1].set((2 * weighted + 13) // 26)
    return blend(smooth, wide, factor).astype(jnp.uint8)


def blend(start: jax.Array, end: jax.Array, factor: jax.Array) -> jax.Array:
    """``start + factor (end - start)`` in float32, cut to whole numbers in 0 to 255."""
    shape = jnp.broadcast_shapes(start.shape, end.shape)
    start, end = jnp.broadcast_to(start, shape), jnp.broadcast_to(end, shape)
    difference = (end - start).astype(jnp.float32)
    # A compiler that fuses product and sum skips a rounding that Pillow makes. With the
    # factor in two parts of 12 bits all products are exact, so fusing changes nothing.
    bits = lax.bitcast_convert_type(jnp.asarray(factor, jnp.float32), jnp.uint32)
    coarse = lax.bitcast_convert_type(bits & jnp.uint32(0xFFFFF000), jnp.float32)
    step = coarse * difference + (factor - coarse) * difference
    return jnp.clip(start.astype(jnp.float32) + step, 0, 255).astype(jnp.int32)


def grey(image: jax.Array) -> jax.Array:
    """int32 ``[H, W]`` grey values of RGB."""
    weighted = image.astype(jnp.int32) * jnp.broadcast_to(_LUMA, image.shape)
    return (jnp.sum(weighted, axis=-1) + (1 << 15)) >> 16


@functools.cache
def _shortfalls() -> tuple[np.ndarray, np.ndarray]:
    """Where float64 falls short of a whole number in autocontrast.

    With ``lo`` the lowest value and ``n`` the span, ``255 j / n`` is whole for the
    multiples ``j = m n / gcd(n, 255)``.

    Returns:
      ``(starts, shortfalls)``: int32 ``[256]``, the row of the multiple m = 1 for each
      span n; bool ``[rows, 256]``, for each multiple and ``lo``.
    """
    starts = np.zeros(256, np.int32)
    rows: list[np.ndarray] = []
    lo = np.arange(256)
    for n in range(1, 256):
        starts[n] = len(rows)
        scale = 255.0 / n
        divisor = math.gcd(n, 255)
        for m in range(1, divisor + 1):
            j = m * n // divisor
            rows.append((lo + j) * scale + -lo * scale < 255 * m // divisor)
    return starts, np.stack(rows)


def _same(values: jax.Array, image: jax.Array) -> jax.Array:
    """The same table for every channel."""
    return jnp.broadcast_to(values.astype(jnp.uint8)[None, :], (image.shape[-1], 256))
