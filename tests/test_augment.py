"""Spatial augmentation against NumPy, and what all recipes have in common."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax.data import augment

KEY = jax.random.key(0)
B, SIDE = 64, 12


def images(channels=3, seed=0):
    rng = np.random.default_rng(seed)
    shape = (B, SIDE, SIDE, channels)
    return jnp.asarray(rng.integers(1, 256, shape), jnp.uint8)


def frames():
    return jnp.stack([images(2, seed) for seed in range(3)])


@pytest.mark.parametrize("name", sorted(augment.RECIPES))
def test_recipes_keep_shape_and_dtype_and_follow_the_key(name):
    x = images() if name in ("cifar10", "cifar100", "tiny_imagenet") else frames()
    apply = jax.jit(augment.recipe(name))
    once = apply(KEY, x)
    assert (once.shape, once.dtype) == (x.shape, jnp.uint8)
    np.testing.assert_array_equal(apply(KEY, x), once)
    other = apply(jax.random.key(1), x)
    assert bool(np.any(other != once)) == (name != "none")


@pytest.mark.parametrize("name", ["cifar10_dvs", "flip_roll", "n_caltech101"])
def test_all_frames_of_a_sample_share_one_draw(name):
    still = jnp.broadcast_to(images(2), (4, B, SIDE, SIDE, 2))
    moved = np.asarray(augment.recipe(name)(KEY, still))
    np.testing.assert_array_equal(moved, np.broadcast_to(moved[:1], moved.shape))
    changed = [np.any(moved[0, i] != still[0, i]) for i in range(B)]
    assert np.mean(changed) > 0.5


def test_flip_turns_half_of_the_images_round():
    x = np.asarray(images())
    flipped = np.asarray(augment.flip()(KEY, images()))
    turned = [np.array_equal(flipped[i], x[i, :, ::-1]) for i in range(B)]
    same = [np.array_equal(flipped[i], x[i]) for i in range(B)]
    assert np.all(np.logical_xor(turned, same))
    assert 0.25 < np.mean(turned) < 0.75


def test_crops_are_windows_of_the_padded_image():
    x = np.asarray(images())
    cropped = np.asarray(augment.pad_crop(4)(KEY, images()))
    places = set()
    for before, after in zip(x, cropped, strict=True):
        padded = np.pad(before, ((4, 4), (4, 4), (0, 0)))
        found = [
            (i, j)
            for i in range(9)
            for j in range(9)
            if np.array_equal(padded[i : i + SIDE, j : j + SIDE], after)
        ]
        assert len(found) == 1
        places |= set(found)
    assert {i for i, _ in places} == {j for _, j in places} == set(range(9))


def test_cutout_blackens_one_square_that_the_border_may_cut():
    x = np.asarray(images())
    cut = np.asarray(augment.cutout(4)(KEY, images()))
    sizes = set()
    for before, after in zip(x, cut, strict=True):
        black = np.all(after == 0, axis=-1)
        rows, columns = np.flatnonzero(black.any(1)), np.flatnonzero(black.any(0))
        assert black.sum() == len(rows) * len(columns)  # a rectangle
        assert np.all(np.diff(rows) == 1)
        assert np.all(np.diff(columns) == 1)
        np.testing.assert_array_equal(after[~black], before[~black])
        sizes.add((len(rows), len(columns)))
    assert (4, 4) in sizes
    assert max(max(size) for size in sizes) == 4
    assert min(min(size) for size in sizes) < 4


def test_roll_wraps_round():
    x = np.asarray(frames())
    rolled = np.asarray(augment.roll(5)(KEY, frames()))
    shifts = set()
    for i in range(B):
        found = [
            (dy, dx)
            for dy in range(-5, 6)
            for dx in range(-5, 6)
            if np.array_equal(np.roll(x[:, i], (dy, dx), (1, 2)), rolled[:, i])
        ]
        assert len(found) == 1
        shifts |= set(found)
    assert {dy for dy, _ in shifts} == {dx for _, dx in shifts} == set(range(-5, 6))


def test_unknown_recipe_lists_what_there_is():
    with pytest.raises(ValueError, match=r"unknown augmentation 'x' .known: .*cifar10"):
        augment.recipe("x")
