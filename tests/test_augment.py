"""Augmentations: what they draw, and that all frames of a sample share one draw."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import stats

from qifjax.data import augment
from qifjax.data.augment import policies

KEY = jax.random.key(0)
MANY = 4000


def numbered(n, size=12, channels=1):
    """Images whose pixels, 1 to 144, all differ, so that a pixel tells its origin."""
    image = np.arange(1, size * size + 1, dtype=np.uint8).reshape(1, size, size, 1)
    return jnp.asarray(np.tile(image, (n, 1, 1, channels)))


jitted = functools.cache(jax.jit)


def run(kind, *batch, key=KEY):
    """An augmentation, compiled once for each shape."""
    return jitted(kind)(key, *batch)


def plain(image):
    return np.asarray(image)[..., 0]


def uniform(values, low, high):
    """Whether integers are uniform in low to high, ends included (p > 1e-4)."""
    counts = np.bincount(np.asarray(values) - low, minlength=high - low + 1)
    return len(counts) == high - low + 1 and stats.chisquare(counts).pvalue > 1e-4


def share(count, probability, n=MANY):
    """Whether a count fits a probability (p > 1e-4)."""
    return stats.binomtest(int(count), n, probability).pvalue > 1e-4


# --- each kind -----------------------------------------------------------------------


def test_pad_crop_takes_every_window_of_the_padded_image_alike():
    crops = plain(run(augment.pad_crop(2), numbered(MANY)))
    padded = np.pad(plain(numbered(1))[0], 2)
    windows = {
        padded[y : y + 12, x : x + 12].tobytes(): (y, x)
        for y, x in itertools.product(range(5), repeat=2)
    }
    places = np.asarray([windows[crop.tobytes()] for crop in crops])
    assert uniform(places @ [5, 1], 0, 24)


def test_flip_exchanges_left_and_right_of_half_the_images():
    image = plain(numbered(1))[0]
    flipped = plain(run(augment.flip(), numbered(MANY)))
    mirrored = np.asarray([np.array_equal(x, image[:, ::-1]) for x in flipped])
    untouched = np.asarray([np.array_equal(x, image) for x in flipped])
    assert np.all(mirrored ^ untouched)
    assert share(mirrored.sum(), 0.5)
    assert np.array_equal(plain(run(augment.flip(1.0), numbered(2)))[1], image[:, ::-1])


@pytest.mark.parametrize("length", [4, 5, 16])
def test_cutout_hides_a_clipped_square_about_a_uniform_centre(length):
    images = plain(run(augment.cutout(length), numbered(MANY)))
    image = plain(numbered(1))[0]
    masks = {}
    for y, x in itertools.product(range(12), repeat=2):
        expected = image.copy()
        top, left = max(y - length // 2, 0), max(x - length // 2, 0)
        bottom, right = y - length // 2 + length, x - length // 2 + length
        expected[top:bottom, left:right] = 0
        masks.setdefault(expected.tobytes(), []).append(12 * y + x)
    found = [masks[x.tobytes()] for x in images]
    if length == 4:
        # Here every centre gives another mask.
        assert uniform([centres[0] for centres in found], 0, 143)


@pytest.mark.parametrize("axes", ["both", "single"])
def test_roll(axes):
    rolled = plain(run(augment.roll(3, axes), numbered(MANY)))
    image = plain(numbered(1))[0]
    shifts = {
        np.roll(image, (y, x), (0, 1)).tobytes(): (y, x)
        for y, x in itertools.product(range(-3, 4), repeat=2)
    }
    drawn = np.asarray([shifts[x.tobytes()] for x in rolled])
    if axes == "both":
        assert uniform(drawn @ [7, 1], -24, 24)
    else:
        assert not np.any(np.all(drawn != 0, axis=1))
        assert share(np.sum(drawn[:, 0] != 0), 0.5 * 6 / 7)
        assert uniform(drawn.sum(1), -3, 3)
    with pytest.raises(ValueError, match="'both' or 'single', not 'x'"):
        augment.roll(3, "x")


def _angles(images, kind):
    """The angle in degrees by which a line through the centre has turned."""
    rows, columns = np.nonzero(images)
    y, x = rows - 31.5, columns - 31.5
    if kind == "shear":
        return np.degrees(np.arctan2(np.sum(-x * y), np.sum(y * y)))
    return np.degrees(0.5 * np.arctan2(2 * np.sum(x * y), np.sum(x * x - y * y)))


@pytest.mark.parametrize(
    ("make", "kind"), [(augment.rotation, "rotation"), (augment.shear, "shear")]
)
def test_angles_are_uniform(make, kind):
    line = np.zeros((64, 64), np.uint8)
    if kind == "rotation":
        line[31:33, 8:56] = 255
    else:
        line[8:56, 31:33] = 255
    n = 400
    images = jnp.asarray(np.tile(line[None, ..., None], (n, 1, 1, 1)))
    angles = np.asarray([_angles(x, kind) for x in plain(run(make(20), images))])
    assert np.abs(angles).max() < 21
    assert stats.kstest(angles, stats.uniform(-20, 40).cdf).pvalue > 1e-3


def test_nda_does_exactly_one_of_three():
    images = numbered(MANY)
    result = plain(run(augment.nda(), images))
    image = plain(images)[0]
    rolls = {
        np.roll(image, (y, x), (0, 1)).tobytes()
        for y, x in itertools.product(range(-3, 4), repeat=2)
    }
    is_roll = np.asarray([x.tobytes() in rolls for x in result])
    # A shear moves pixels only along their rows.
    is_shear = np.asarray(
        [
            all(set(row) - {0} <= set(own) for row, own in zip(x, image, strict=True))
            for x in result
        ]
    )
    unmoved = np.asarray([np.array_equal(x, image) for x in result])
    assert share(np.sum(is_roll & ~unmoved), 1 / 3 * 48 / 49)
    # Small angles move nothing; how often, each kind says by itself.
    for kind, found in (
        (augment.shear(15), is_shear & ~is_roll),
        (augment.rotation(15), ~is_shear & ~is_roll),
    ):
        alone = plain(run(kind, images))
        moved = np.mean([not np.array_equal(x, image) for x in alone])
        assert abs(np.mean(found) - moved / 3) < 0.03


def test_options_of_nda():
    images = numbered(200)
    hidden = run(augment.nda(0, 0, 0, cutout_length=6), images)
    assert np.all(np.any(plain(hidden) == 0, axis=(1, 2)))
    flipped = plain(run(augment.nda(0, 0, 0, with_flip=True), images))
    image = plain(images)[0]
    assert {x.tobytes() for x in flipped} == {image.tobytes(), image[:, ::-1].tobytes()}


def test_cutmix_mixes_images_and_labels_alike():
    n = 200
    values = np.arange(n) % 250 + 1
    images = jnp.asarray(
        np.broadcast_to(values[:, None, None, None], (n, 16, 16, 1)), jnp.uint8
    )
    labels = jnp.asarray(values % 10, jnp.int32)
    mixed, soft = run(augment.cutmix(10), images, labels)
    kept = []
    for image, own, target in zip(plain(mixed), values, np.asarray(soft), strict=True):
        expected = np.zeros(10)
        for value, count in zip(*np.unique(image, return_counts=True), strict=True):
            expected[value % 10] += count / image.size
        np.testing.assert_allclose(target, expected, atol=1e-6)
        rows, columns = np.nonzero(image != own)
        if len(rows):
            box = image[min(rows) : max(rows) + 1, min(columns) : max(columns) + 1]
            assert len(np.unique(box)) == 1
        kept.append(np.mean(image == own))
    # E[lam] = 1/2, and clipping at the borders only adds to it.
    assert 0.5 < np.mean(kept) < 0.75
    frames, same = run(augment.cutmix(10), jnp.stack([images] * 3), labels)
    np.testing.assert_array_equal(frames[2], mixed)
    np.testing.assert_array_equal(same, soft)


# --- AutoAugment ---------------------------------------------------------------------


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


# --- what all have in common ---------------------------------------------------------

KINDS = {
    "pad_crop": augment.pad_crop(4),
    "flip": augment.flip(),
    "cutout": augment.cutout(6),
    "roll": augment.roll(5),
    "rotation": augment.rotation(30),
    "shear": augment.shear(20),
    "nda": augment.nda(),
    "composed": augment.compose(augment.flip(), augment.roll(2), augment.cutout(4)),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def test_one_draw_for_all_frames_of_a_sample(kind):
    images = numbered(6, channels=2)
    single = run(kind, images)
    assert (single.dtype, single.shape) == (jnp.uint8, images.shape)
    # Frames that differ: each is treated as the image of the same values is.
    frames = jnp.stack([images, images[:, ::-1], images // 2])
    result = run(kind, frames)
    for frame, own in zip(result, frames, strict=True):
        np.testing.assert_array_equal(frame, run(kind, own))


def test_samples_differ_and_the_same_key_repeats(kind):
    images = numbered(6, channels=2)
    first = np.asarray(run(kind, images))
    np.testing.assert_array_equal(run(kind, images), first)
    assert len({x.tobytes() for x in first}) > 1
    assert np.any(np.asarray(run(kind, images, key=jax.random.key(1))) != first)


def test_jit_and_vmap_agree(photographs):
    kind = augment.compose(augment.pad_crop(), augment.cutout())
    batches = jnp.asarray(photographs[:12]).reshape(2, 6, 32, 32, 3)
    keys = jax.random.split(KEY, 2)
    eager = jnp.stack([kind(k, x) for k, x in zip(keys, batches, strict=True)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(kind))(keys, batches), eager)


@pytest.mark.parametrize(
    "images", [jnp.zeros((2, 8, 8, 1)), jnp.zeros((8, 8, 3), "u1")]
)
def test_wrong_arrays_are_refused(kind, images):
    with pytest.raises(ValueError, match="take uint8 images .* before normalise"):
        kind(KEY, images)


def test_composed_steps_have_independent_keys():
    twice = run(augment.compose(augment.flip(), augment.flip()), numbered(MANY))
    same = np.all(plain(twice) == plain(numbered(1)), axis=(1, 2))
    assert share(same.sum(), 0.5)
    np.testing.assert_array_equal(run(augment.compose(), numbered(2)), numbered(2))


@pytest.mark.parametrize("name", augment.STATISTICS)
def test_normalise_is_the_formula(name):
    mean, std = augment.STATISTICS[name]
    images = numbered(3, channels=len(mean))
    expected = (np.asarray(images, np.float64) / 255 - mean) / std
    result = augment.normalise(mean, std)(images)
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, expected, atol=2e-6)
    with pytest.raises(ValueError, match="channels"):
        augment.normalise(mean, std)(numbered(1, channels=2))
    with pytest.raises(ValueError, match="means and"):
        augment.normalise(mean, (*std, 1.0))


def test_recipes_by_name():
    assert augment.recipe("cifar10") is augment.RECIPES["cifar10"]
    with pytest.raises(ValueError, match=r"unknown augmentation 'x' .known: cifar10,"):
        augment.recipe("x")
    frames = jax.ShapeDtypeStruct((3, 4, 48, 48, 2), jnp.uint8)
    for name in ("none", "cifar10_dvs", "n_caltech101", "dvs128_gesture", "flip_roll"):
        assert jax.eval_shape(augment.recipe(name), KEY, frames) == frames
    images = jax.ShapeDtypeStruct((4, 32, 32, 3), jnp.uint8)
    for name in ("none", "cifar10", "cifar100", "tiny_imagenet"):
        assert jax.eval_shape(augment.recipe(name), KEY, images) == images
