"""Augmentations: what they draw, and that all frames of a sample share one draw."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from qifjax.data import augment
from tests.draws import KEY, MANY, numbered, plain, run, share, uniform

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
    for name in ("none", "cifar10", "cifar100", "tiny_imagenet", "shift"):
        assert jax.eval_shape(augment.recipe(name), KEY, images) == images
