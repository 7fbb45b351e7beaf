"""AutoAugment gives what Pillow gives, as often as its table says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from qifjax.data import augment
from qifjax.data.augment import policies
from tests.draws import KEY, MANY, numbered, run, share, uniform


def pillow_step(step, sign, image):
    """One step as Pillow does it, with magnitudes written out from SPEC's ranges."""
    level, size = step.level, image.size[0]
    enhance = {
        "color": ImageEnhance.Color,
        "contrast": ImageEnhance.Contrast,
        "brightness": ImageEnhance.Brightness,
        "sharpness": ImageEnhance.Sharpness,
    }
    simple = {
        "invert": ImageOps.invert,
        "autocontrast": ImageOps.autocontrast,
        "equalize": ImageOps.equalize,
    }
    if step.operation in simple:
        return simple[step.operation](image)
    if step.operation in enhance:
        factor = 1 + sign * np.linspace(0, 0.9, 10)[level]
        return enhance[step.operation](image).enhance(factor)
    if step.operation == "posterize":
        return ImageOps.posterize(image, int(np.linspace(8, 4, 10).round()[level]))
    if step.operation == "solarize":
        return ImageOps.solarize(image, np.linspace(256, 0, 10)[level])
    if step.operation == "rotate":
        degrees = sign * np.linspace(0, 30, 10)[level]
        return image.rotate(degrees, fillcolor=(128,) * 3)
    shift = sign * np.linspace(0, 150 / 331, 10)[level] * size
    slope = sign * np.linspace(0, 0.3, 10)[level]
    maps = {
        "translate_x": (1, 0, shift, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, shift),
        "shear_y": (1, 0, 0, slope, 1, 0),
    }
    resample = Image.Resampling.NEAREST
    if step.operation == "shear_y":
        resample = Image.Resampling.BICUBIC
    coefficients = maps[step.operation]
    affine = Image.Transform.AFFINE
    return image.transform(
        image.size, affine, coefficients, resample, fillcolor=(128,) * 3
    )


def outcomes(pair, image):
    """Every image that a sub-policy can give, with its probability."""
    results = [(1.0, Image.fromarray(image))]
    for step in pair:
        stepped = []
        for probability, before in results:
            stepped.append((probability * (1 - step.probability), before))
            for sign in (1, -1):
                after = pillow_step(step, sign, before)
                stepped.append((probability * step.probability / 2, after))
        results = stepped
    return [(p, np.asarray(x)) for p, x in results if p > 0]


PUBLISHED = """
invert .1/7 contrast .2/6; rotate .7/2 translate_x .3/9; sharpness .8/1 sharpness .9/3;
shear_y .5/8 translate_y .7/9; autocontrast .5/8 equalize .9/2;
shear_y .2/7 posterize .3/7; color .4/3 brightness .6/7; sharpness .3/9 brightness .7/9;
equalize .6/5 equalize .5/1; contrast .6/7 sharpness .6/5; color .7/7 translate_x .5/8;
equalize .3/7 autocontrast .4/8; translate_y .4/3 sharpness .2/6;
brightness .9/6 color .2/8; solarize .5/2 invert 0/3; equalize .2/0 autocontrast .6/0;
equalize .2/8 equalize .6/4; color .9/9 equalize .6/6; autocontrast .8/4 solarize .2/8;
brightness .1/3 color .7/0; solarize .4/5 autocontrast .9/3;
translate_y .9/9 translate_y .7/9; autocontrast .9/2 solarize .8/3;
equalize .8/8 invert .1/3; translate_y .7/9 autocontrast .9/1
"""


def test_the_policy_is_the_published_table():
    written = [
        "{} {:g}/{} {} {:g}/{}".format(*first, *second).replace("0.", ".")
        for first, second in augment.CIFAR10_POLICY
    ]
    assert written == [" ".join(pair.split()) for pair in PUBLISHED.split(";")]


@pytest.fixture(scope="module")
def apply_steps():
    """The operations, compiled once."""
    return jax.jit(policies._one_by_one)


def tolerance(pair):
    """Bicubic shear may be one grey level off; posterize can make a step of that."""
    first, second = (step.operation for step in pair)
    if first != "shear_y":
        return 0
    bits = int(np.linspace(8, 4, 10).round()[pair[1].level])
    return 2 ** (8 - bits) if second == "posterize" else 1


@pytest.mark.parametrize("number", range(25))
def test_each_sub_policy_gives_what_pillow_gives(photographs, apply_steps, number):
    pair = augment.CIFAR10_POLICY[number]
    image = photographs[number]
    n = 400
    batch = jnp.asarray(np.tile(image[None], (n, 1, 1, 1)))
    drawn = policies._draw(KEY, (pair,), batch.shape)
    result = np.asarray(apply_steps(batch, *drawn), int)
    possible = outcomes(pair, image)
    inner = np.s_[..., 1:-1, 1:-1, :]
    stacked = np.stack([x for _, x in possible]).astype(int)
    unique = np.unique(result, axis=0)
    gaps = np.abs(unique[:, None] - stacked[None])[inner].max((2, 3, 4))
    assert gaps.min(1).max() <= tolerance(pair)
    # How often the image stays as it is (or becomes so again).
    same = np.abs(stacked - image)[inner].max((1, 2, 3)) == 0
    probability = sum(p for (p, _), s in zip(possible, same, strict=True) if s)
    count = np.sum(np.abs(result - image)[inner].max((1, 2, 3)) == 0)
    assert share(count, min(probability, 1.0), n)


def test_sub_policies_have_equal_chances():
    steps = [policies.Step("solarize", 1.0, level) for level in range(1, 9)]
    nothing = policies.Step("invert", 0.0, 0)
    policy = tuple((step, nothing) for step in steps)
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    images = jnp.asarray(np.tile(grey, (MANY, 1, 1, 3)))
    result = np.asarray(run(augment.autoaugment(policy), images))
    unchanged = np.sum(result[..., 0] == grey[..., 0], axis=(1, 2))
    _, kinds = np.unique(unchanged, return_inverse=True)
    assert uniform(kinds, 0, 7)


def test_one_by_one_equals_all_at_once(photographs, apply_steps):
    images = jnp.asarray(photographs[:24])
    drawn = policies._draw(KEY, augment.CIFAR10_POLICY, images.shape)
    np.testing.assert_array_equal(
        apply_steps(images, *drawn),
        jax.jit(jax.vmap(policies._apply_both))(images, *drawn),
    )


def test_autoaugment_is_for_rgb_images():
    with pytest.raises(ValueError, match=r"RGB images .B, H, W, 3., not .2, 12, 12, 1"):
        run(augment.autoaugment(), numbered(2))
