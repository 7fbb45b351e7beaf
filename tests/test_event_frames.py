"""Events to frames: equal to a loop over events, and to the libraries' definitions."""

import itertools
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from qifjax.data import DataError
from qifjax.data.events import Events, FrameRecipe, Sensor, read, to_frames
from qifjax.data.events.frames import edges
from qifjax.data.events.resize import resize_bilinear, resize_nearest
from tests.event_files import random_events, real, slow_frames

SENSOR = Sensor(12, 9)
RULES = list(itertools.product(("number", "time"), ("last", "drop")))


def recipe_of(by, remainder, frames=4):
    return FrameRecipe(frames, by, remainder, size=None)


@pytest.mark.parametrize(("by", "remainder"), RULES)
@pytest.mark.parametrize("n", [0, 1, 3, 4, 403])
@pytest.mark.parametrize("longest", [1, 3, 1000])
def test_equals_a_loop_over_events(by, remainder, n, longest):
    events = random_events(n, SENSOR, longest=longest)
    recipe = recipe_of(by, remainder)
    found = to_frames(events, SENSOR, recipe)
    assert found.counts.dtype == np.uint8
    assert found.saturated == 0
    np.testing.assert_array_equal(found.counts, slow_frames(events, SENSOR, recipe))


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        # Ten events at 0, 10, 20, 30, 40, 50, 60, 70, 80, 99 us in three frames:
        (recipe_of("number", "last", 3), [0, 3, 6, 10]),
        (recipe_of("number", "drop", 3), [0, 3, 6, 9]),
        # windows of 33 us, so the last begins at 66 us and ends before 99 us.
        (recipe_of("time", "last", 3), [0, 4, 7, 10]),
        (recipe_of("time", "drop", 3), [0, 4, 7, 9]),
    ],
)
def test_edges_by_hand(recipe, expected):
    t = np.asarray([0, 10, 20, 30, 40, 50, 60, 70, 80, 99]) + 5_000
    np.testing.assert_array_equal(edges(t, recipe), expected)


def test_an_event_on_an_edge_belongs_to_the_later_frame():
    t = np.asarray([0, 24, 25, 49, 50, 74, 75, 100])
    found = edges(t, recipe_of("time", "last"))
    np.testing.assert_array_equal(found, [0, 2, 4, 6, 8])


def test_empty_frames_are_all_zero():
    t = np.asarray([0, 1, 2, 1000])
    events = Events(t, *(np.zeros(4, k) for k in (np.uint16, np.uint16, np.uint8)))
    counts = to_frames(events, SENSOR, recipe_of("time", "last")).counts
    np.testing.assert_array_equal(counts.sum((1, 2, 3)), [3, 0, 0, 1])


def test_saturation_is_reported():
    n = 70_000
    zeros = [np.zeros(n, kind) for kind in (np.uint16, np.uint16, np.uint8)]
    events = Events(np.arange(n), *zeros)
    found = to_frames(events, SENSOR, recipe_of("number", "last", 1))
    assert found.saturated == 1
    assert found.counts[0, 0, 0, 0] == 255
    assert found.counts.sum() == 255
    below = Events(*(field[:255] for field in events))
    found = to_frames(below, SENSOR, recipe_of("number", "last", 1))
    assert (found.saturated, found.counts.max()) == (0, 255)


def test_a_sensor_with_more_cells_than_16_bits_count():
    sensor = Sensor(180, 240)
    events = random_events(5000, sensor)
    recipe = recipe_of("time", "last")
    counts = to_frames(events, sensor, recipe).counts
    np.testing.assert_array_equal(counts, slow_frames(events, sensor, recipe))


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    n=st.integers(0, 200),
    frames=st.integers(1, 12),
    longest=st.integers(1, 500),
    rule=st.sampled_from(RULES),
    seed=st.integers(0, 2**16),
)
def test_counts_are_kept_and_order_within_a_frame_is_not(
    n, frames, longest, rule, seed
):
    events = random_events(n, SENSOR, seed, longest)
    recipe = recipe_of(*rule, frames)
    counts = to_frames(events, SENSOR, recipe).counts
    bounds = edges(events.t, recipe)
    assert bounds[0] == 0
    assert np.all(np.diff(bounds) >= 0)
    np.testing.assert_array_equal(counts.sum((1, 2, 3), dtype=int), np.diff(bounds))
    if recipe.remainder == "last":
        assert counts.sum(dtype=int) == n
    if recipe.by == "number":
        assert n - bounds[-1] < frames
    rng = np.random.default_rng(seed)
    order = np.concatenate(
        [rng.permutation(np.arange(a, b)) for a, b in itertools.pairwise(bounds)]
        + [np.arange(bounds[-1], n)]
    ).astype(int)
    shuffled = Events(events.t, *(field[order] for field in events[1:]))
    np.testing.assert_array_equal(to_frames(shuffled, SENSOR, recipe).counts, counts)


# --- resizing ------------------------------------------------------------------------


@pytest.mark.parametrize("old", [34, 100, 112, 120, 128, 180, 240])
def test_nearest_takes_the_floor_of_float32(old):
    counts = np.arange(old, dtype=np.uint16)[:, None, None]
    found = resize_nearest(counts, 48, 1)[:, 0, 0]
    scale = np.float32(old) / np.float32(48)
    expected = [int(np.float32(i) * scale) for i in range(48)]
    np.testing.assert_array_equal(found, expected)


def test_nearest_by_hand():
    # PyTorch 2.13's interpolate(mode="nearest") of 112 to 48 has 62 at place 27.
    counts = np.arange(112)[:, None, None]
    found = resize_nearest(counts, 48, 1)[:, 0, 0]
    np.testing.assert_array_equal(
        found[[0, 1, 26, 27, 28, 47]], [0, 2, 60, 62, 65, 109]
    )
    counts = np.arange(6).reshape(2, 3, 1)
    np.testing.assert_array_equal(
        resize_nearest(counts, 4, 2)[..., 0], [[0, 1], [0, 1], [3, 4], [3, 4]]
    )


@pytest.mark.parametrize(
    "sizes", [((128, 128), (48, 48)), ((100, 120), (48, 48)), ((5, 7), (11, 3))]
)
def test_bilinear_equals_pillow(sizes):
    old, new = sizes
    counts = np.random.default_rng(0).poisson(3.0, (*old, 2)).astype(np.uint16)
    found = resize_bilinear(counts, *new)
    for channel in range(2):
        image = Image.fromarray(counts[..., channel].astype(np.float32))
        expected = np.asarray(image.resize(new[::-1], Image.Resampling.BILINEAR))
        near_half = np.abs(expected % 1 - 0.5) < 1e-4
        rounded = np.floor(expected + 0.5)
        wrong = (found[..., channel] != rounded) & ~near_half
        assert not wrong.any()


def test_bilinear_by_hand():
    # Of two pixels to one, the triangle weighs both alike; halves are rounded upwards.
    counts = np.asarray([[[1], [4]], [[0], [1]]])
    np.testing.assert_array_equal(resize_bilinear(counts, 1, 1), [[[2]]])
    counts = np.full((7, 5, 1), 9)
    np.testing.assert_array_equal(resize_bilinear(counts, 3, 8), np.full((3, 8, 1), 9))


def test_to_frames_resizes_before_it_saturates():
    n = 1000
    zeros = [np.zeros(n, kind) for kind in (np.uint16, np.uint16, np.uint8)]
    events = Events(np.arange(n), *zeros)
    recipe = FrameRecipe(1, size=2, resize="bilinear")
    found = to_frames(events, Sensor(4, 4), recipe)
    # 1000 events times the square of the corner pixel's weight, 3 / 7.
    assert found.counts.ravel().tolist() == [184, 0, 0, 0, 0, 0, 0, 0]
    assert found.saturated == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "count"}, "by is 'count', allowed are number, time"),
        ({"remainder": "keep"}, "remainder is 'keep', allowed are last, drop"),
        ({"resize": "cubic"}, "resize is 'cubic', allowed are nearest, bilinear"),
        ({"frames": 0}, "frames is 0, allowed are 1, 2"),
        ({"size": 4.5}, "size is 4.5, allowed are 1, 2"),
    ],
)
def test_recipes_that_are_none(arguments, message):
    with pytest.raises(DataError, match=message):
        FrameRecipe(**arguments)


# --- real recordings and other libraries ---------------------------------------------


@pytest.mark.parametrize(("by", "remainder"), RULES)
def test_real_recordings_equal_a_loop(by, remainder):
    files = sorted(real(Path(".data"), "NMNIST").glob("Test/*/*.bin"))[::25]
    for path in files:
        events = read(path, Sensor(34, 34))
        recipe = recipe_of(by, remainder, 10)
        counts = to_frames(events, Sensor(34, 34), recipe).counts
        np.testing.assert_array_equal(
            counts, slow_frames(events, Sensor(34, 34), recipe)
        )


@pytest.mark.parametrize("by", ["number", "time"])
def test_drop_equals_tonic(by):
    tonic_frames = pytest.importorskip("tonic.functional").to_frame_numpy
    dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    bins = {"number": "n_event_bins", "time": "n_time_bins"}[by]
    for seed in range(5):
        events = random_events(203, SENSOR, seed, longest=500)
        structured = np.empty(203, dtype)
        for name, field in zip(Events._fields, events, strict=True):
            structured[name] = field
        expected = tonic_frames(
            structured, (SENSOR.width, SENSOR.height, 2), **{bins: 4}
        )
        found = to_frames(events, SENSOR, recipe_of(by, "drop")).counts
        np.testing.assert_array_equal(found, expected.transpose(0, 2, 3, 1))
