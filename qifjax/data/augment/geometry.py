"""Pixels moved by an affine map, as Pillow moves them.

A map takes the centre of an output pixel to a place in the input::

    x_in = a (x + 1/2) + b (y + 1/2) + c,    y_in = d (x + 1/2) + e (y + 1/2) + f

and a pixel whose place lies outside of the input gets the fill value.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_ONE = 1 << 16


def rotation_map(cos: Any, sin: Any, height: int, width: int) -> tuple[Any, ...]:
    """The map ``(a, b, c, d, e, f)`` of a rotation about the centre of the image."""
    x, y = width / 2, height / 2
    return (
        cos,
        sin,
        x - cos * x - sin * y,
        -sin,
        cos,
        y + sin * x - cos * y,
    )


def shear_map(slope: Any, height: int) -> tuple[Any, ...]:
    """The map that moves rows sideways, the row in the middle not at all."""
    return 1.0, slope, -slope * (height / 2), 0.0, 1.0, 0.0


def fixed_point(coefficients: Sequence[Any]) -> jax.Array:
    """The map in units of 2^-16 pixels, with the half pixels added: int32 ``[6]``."""
    a, b, c, d, e, f = (jnp.asarray(value, jnp.float32) for value in coefficients)
    half = jnp.float32(0.5)
    places = jnp.stack([a, b, c + half * (a + b), d, e, f + half * (d + e)])
    return jnp.floor(places * _ONE + half).astype(jnp.int32)


def fixed_point_constant(coefficients: Sequence[float]) -> np.ndarray:
    """The same of numbers known beforehand, computed in float64 as Pillow does."""
    a, b, c, d, e, f = coefficients
    places = np.asarray([a, b, c + (a + b) / 2, d, e, f + (d + e) / 2])
    return np.floor(places * _ONE + 0.5).astype(np.int32)


def move_nearest(image: jax.Array, fixed: jax.Array, fill: int) -> jax.Array:
    """Applies a map, taking the pixel in which each place lies.

    Args:
      image: uint8 ``[..., H, W, C]``.
      fixed: int32 ``[6]`` as :func:`fixed_point` gives it.
      fill: value of pixels from outside.

    Returns:
      uint8 ``[..., H, W, C]``.
    """
    height, width, channels = image.shape[-3:]
    y, x = jnp.mgrid[:height, :width].astype(jnp.int32)
    column = (fixed[0] * x + fixed[1] * y + fixed[2]) >> 16
    row = (fixed[3] * x + fixed[4] * y + fixed[5]) >> 16
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    place = jnp.where(inside, row * width + column, 0)
    flat = image.reshape(*image.shape[:-3], height * width, channels)
    moved = jnp.take(flat, place.reshape(-1), axis=-2, mode="clip")
    outside = jnp.broadcast_to(~inside[..., None], image.shape)
    return jnp.where(outside, jnp.uint8(fill), moved.reshape(image.shape))


def shear_y_bicubic(image: jax.Array, slope: jax.Array, fill: int) -> jax.Array:
    """Moves columns along themselves by ``slope (x + 1/2)``, by cubic interpolation.

    Args:
      image: uint8 ``[H, W, C]``.
      slope: pixels per pixel, a scalar.
      fill: value of pixels from outside.

    Returns:
      uint8 ``[H, W, C]``.
    """
    height, width, _ = image.shape
    rows = jnp.arange(height, dtype=jnp.float32)[:, None]
    columns = jnp.arange(width, dtype=jnp.float32)[None, :]
    shifts = slope * (columns + jnp.float32(0.5))
    place = jnp.broadcast_to(rows, (height, width)) + jnp.broadcast_to(
        shifts, (height, width)
    )
    inside = (place >= -0.5) & (place < height - 0.5)
    first = jnp.floor(place)
    d = (place - first)[..., None]
    neighbours = [
        jnp.clip(first.astype(jnp.int32) + k, 0, height - 1) for k in (-1, 0, 1, 2)
    ]
    v0, v1, v2, v3 = (
        jnp.take_along_axis(image, row[..., None], axis=0).astype(jnp.float32)
        for row in neighbours
    )
    # The cubic of Keys (1981) with its free parameter at -1, which Pillow transforms
    # with (its resize takes -1/2).
    cubic = v1 + d * (
        (v2 - v0) + d * ((2 * (v0 - v1) + v2 - v3) + d * (v1 - v0 + v3 - v2))
    )
    values = jnp.clip(cubic, 0, 255).astype(jnp.uint8)
    outside = jnp.broadcast_to(~inside[..., None], image.shape)
    return jnp.where(outside, jnp.uint8(fill), values)
