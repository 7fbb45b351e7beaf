"""Moved pixels against Pillow, to one grey level on all but border pixels."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from qifjax import data
from qifjax.data.augment import geometry
from tests.test_colour import photographs  # noqa: F401 - a fixture

GREY = (128, 128, 128)


def pillow(images, change):
    return np.stack([np.asarray(change(Image.fromarray(x))) for x in images])


def close_inside(result, expected, border=1):
    inner = np.s_[:, border:-border, border:-border]
    difference = np.abs(np.asarray(result).astype(int) - expected)[inner]
    assert difference.max() <= 1


@pytest.mark.parametrize("degrees", [-30, -6.67, 1, 15, 30, 90])
@pytest.mark.parametrize("constant", [True, False])
def test_rotation(photographs, degrees, constant):  # noqa: F811
    radians = -math.radians(degrees)
    coefficients = geometry.rotation_map(math.cos(radians), math.sin(radians), 32, 32)
    make = geometry.fixed_point_constant if constant else geometry.fixed_point
    move = jax.jit(jax.vmap(geometry.move_nearest, in_axes=(0, None, None)))
    result = move(jnp.asarray(photographs), make(coefficients), 128)
    expected = pillow(photographs, lambda x: x.rotate(degrees, fillcolor=GREY))
    # A place between two pixels may fall to the other one.
    different = np.any(np.asarray(result) != expected, axis=(0, -1))
    assert different.mean() <= (0.0 if constant else 0.01)


@pytest.mark.parametrize("shift", [-14.5, -1.2, 0, 3, 10.06])
def test_translation(photographs, shift):  # noqa: F811
    coefficients = (1.0, 0.0, shift, 0.0, 1.0, -shift)
    move = jax.jit(jax.vmap(geometry.move_nearest, in_axes=(0, None, None)))
    fixed = geometry.fixed_point_constant(coefficients)
    expected = pillow(
        photographs,
        lambda x: x.transform(
            x.size, Image.Transform.AFFINE, coefficients, fillcolor=GREY
        ),
    )
    np.testing.assert_array_equal(move(jnp.asarray(photographs), fixed, 128), expected)


@pytest.mark.parametrize("slope", [-0.3, -0.2333, 0.1, 0.2667])
def test_bicubic_shear(photographs, slope):  # noqa: F811
    shear = jax.jit(jax.vmap(geometry.shear_y_bicubic, in_axes=(0, None, None)))
    result = shear(jnp.asarray(photographs), jnp.float32(slope), 128)
    expected = pillow(
        photographs,
        lambda x: x.transform(
            x.size,
            Image.Transform.AFFINE,
            (1, 0, 0, slope, 1, 0),
            Image.Resampling.BICUBIC,
            fillcolor=GREY,
        ),
    )
    close_inside(result, expected)


def test_nearest_shear(photographs):  # noqa: F811
    slope = math.tan(math.radians(11))
    coefficients = geometry.shear_map(slope, 32)
    move = jax.jit(jax.vmap(geometry.move_nearest, in_axes=(0, None, None)))
    result = move(jnp.asarray(photographs), geometry.fixed_point(coefficients), 0)
    expected = pillow(
        photographs,
        lambda x: x.transform(x.size, Image.Transform.AFFINE, coefficients),
    )
    np.testing.assert_array_equal(result, expected)
    # The row in the middle stays where it was.
    np.testing.assert_array_equal(np.asarray(result)[:, 16], photographs[:, 16])


def test_maps_of_images_that_are_not_square():
    image = np.asarray(data.load("digits").inputs[:1, :20])[0]
    coefficients = geometry.rotation_map(0.0, 1.0, 20, 28)
    moved = geometry.move_nearest(
        jnp.asarray(image), geometry.fixed_point(coefficients), 0
    )
    expected = Image.fromarray(image[..., 0]).rotate(-90)
    np.testing.assert_array_equal(moved[..., 0], expected)
