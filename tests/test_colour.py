"""Operations on values, to the bit as Pillow has them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from qifjax.data.augment import colour

FACTORS = [1 + sign * 0.9 * level / 9 for level in range(10) for sign in (1, -1)]


def compare(ours, theirs, images):
    """Ours, jitted over the batch, against theirs, image by image."""
    result = jax.jit(jax.vmap(ours))(jnp.asarray(images))
    expected = np.stack([np.asarray(theirs(Image.fromarray(x))) for x in images])
    np.testing.assert_array_equal(result, expected)


def tabled(make, *arguments):
    return lambda image: colour.look_up(image, make(image, *arguments))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (colour.invert, ImageOps.invert),
        (colour.autocontrast, ImageOps.autocontrast),
        (colour.equalize, ImageOps.equalize),
    ],
)
def test_operations_without_a_level(photographs, ours, theirs):
    compare(tabled(ours), theirs, photographs)


@pytest.mark.parametrize("bits", [8, 7, 6, 5, 4])
def test_posterize(photographs, bits):
    ours = tabled(colour.posterize, jnp.int32(bits))
    compare(ours, lambda x: ImageOps.posterize(x, bits), photographs)


@pytest.mark.parametrize("level", range(10))
def test_solarize(photographs, level):
    threshold = 256 * (1 - level / 9)
    ours = tabled(colour.solarize, jnp.float32(threshold))
    compare(ours, lambda x: ImageOps.solarize(x, threshold), photographs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x, f: tabled(colour.brightness, f)(x), ImageEnhance.Brightness),
        (lambda x, f: tabled(colour.contrast, f)(x), ImageEnhance.Contrast),
        (colour.color, ImageEnhance.Color),
        (colour.sharpness, ImageEnhance.Sharpness),
    ],
    ids=["brightness", "contrast", "color", "sharpness"],
)
def test_enhancements_at_every_level(photographs, ours, theirs):
    batched = jax.jit(jax.vmap(ours, in_axes=(0, None)))
    for factor in FACTORS:
        result = batched(jnp.asarray(photographs), jnp.float32(factor))
        expected = [theirs(Image.fromarray(x)).enhance(factor) for x in photographs]
        np.testing.assert_array_equal(result, np.stack(expected), str(factor))


def test_blend_of_every_pair_of_values():
    start, end = np.mgrid[:256, :256].astype(np.uint8)
    # Tests compile without optimisation; users do not, and it may fuse roundings away.
    example = jnp.zeros((256, 256), jnp.int32)
    lowered = jax.jit(colour.blend).lower(example, example, jnp.float32(1))
    ours = lowered.compile(compiler_options={"xla_backend_optimization_level": 3})
    images = Image.fromarray(start), Image.fromarray(end)
    for factor in FACTORS:
        pair = jnp.asarray(start, jnp.int32), jnp.asarray(end, jnp.int32)
        blended = ours(*pair, jnp.float32(factor))
        np.testing.assert_array_equal(blended, Image.blend(*images, factor))


def test_autocontrast_of_every_lowest_and_highest_value():
    lowest, highest = np.triu_indices(256, 1)
    values = np.arange(256)
    # Pillow's own formula, in float64.
    scale = 255.0 / (highest - lowest)[:, None]
    stretched = values * scale + -lowest[:, None] * scale
    expected = np.clip(stretched.astype(int), 0, 255)
    pair = np.stack([lowest, highest], 1).astype(np.uint8)[:, None, :, None]
    tables = jax.jit(jax.vmap(colour.autocontrast))(jnp.asarray(pair))
    present = (values >= lowest[:, None]) & (values <= highest[:, None])
    np.testing.assert_array_equal(np.asarray(tables)[:, 0][present], expected[present])
    # Some whole numbers do come out one lower, or this test would show nothing.
    assert np.any(expected[np.arange(len(highest)), highest] == 254)
