"""The simulated event camera: against NumPy, by hand, and by what must always hold."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qifjax import data
from qifjax.data import digits, event_camera, simulated
from qifjax.data.event_camera import (
    CAMERA,
    DURATION_US,
    Camera,
    frames,
    luma,
    saccades,
    simulate_events,
    to_recordings,
)

KEY = jax.random.key(3)
# No few thresholds of one polarity make up some of the other, so that rounding decides
# nothing when the image comes back.
IDEAL = Camera(0.2, 0.27, mismatch=0.0, dark=0.1, background_on_hz=0.0)
OFF, ON = 0, 1


def images(n=2, size=9, channels=1, seed=0):
    shape = (n, size, size, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@partial(jax.jit, static_argnames="steps")
def _simulate(given, camera, steps, key, first):
    return simulate_events(given, key, camera=camera, steps=steps, first=first)


def simulate(given, camera, steps, key=KEY, first=0):
    """Compiled once for a shape, which takes seconds: most tests share one."""
    return _simulate(given, camera, steps, key, first)


def total(counts):
    return np.asarray(counts, np.int64)


def reference_shift(image, down, right):
    """Bilinear interpolation at one pixel after the other, in float64."""
    size_y, size_x = image.shape
    out = np.empty_like(image)
    for i in range(size_y):
        for j in range(size_x):
            y = min(max(i - down, 0), size_y - 1)
            x = min(max(j - right, 0), size_x - 1)
            y0, x0 = min(int(y), size_y - 2), min(int(x), size_x - 2)
            fy, fx = y - y0, x - x0
            top = image[y0, x0] * (1 - fx) + image[y0, x0 + 1] * fx
            bottom = image[y0 + 1, x0] * (1 - fx) + image[y0 + 1, x0 + 1] * fx
            out[i, j] = top * (1 - fy) + bottom * fy
    return out


def reference_path(steps, amplitude):
    corners = [(-0.5, -0.5), (0.5, 0.0), (-0.5, 0.5), (-0.5, -0.5)]
    path = []
    for s in range(steps + 1):
        saccade, u = min(3 * s // steps, 2), 3 * s / steps
        u -= saccade
        w = 10 * u**3 - 15 * u**4 + 6 * u**5
        (y0, x0), (y1, x1) = corners[saccade], corners[saccade + 1]
        path.append(
            (amplitude * (y0 + (y1 - y0) * w), amplitude * (x0 + (x1 - x0) * w))
        )
    return path


def reference_counts(image, camera, steps):
    """Counts of one grey image [H, W], event by event, in float64."""
    path = reference_path(steps, camera.amplitude)

    def log_intensity(displacement):
        return np.log(reference_shift(image / 255, *displacement) + camera.dark)

    level = log_intensity(path[0])
    counts = np.zeros((steps, *image.shape, 2), int)
    for s in range(steps):
        now = log_intensity(path[s + 1])
        for pixel in np.ndindex(image.shape):
            while now[pixel] - level[pixel] >= camera.threshold_on:
                level[pixel] += camera.threshold_on
                counts[(s, *pixel, ON)] += 1
            while level[pixel] - now[pixel] >= camera.threshold_off:
                level[pixel] -= camera.threshold_off
                counts[(s, *pixel, OFF)] += 1
    return counts


def test_against_an_event_by_event_loop(maybe_jit):
    given = images()
    camera = IDEAL._replace(amplitude=3.0)
    run = maybe_jit(lambda x: simulate_events(x, KEY, camera=camera, steps=20))
    counts = total(run(given))
    expected = np.stack(
        [reference_counts(image[..., 0].astype(float), camera, 20) for image in given],
        axis=1,
    )
    assert expected.sum() > 1500
    # Rounding moves an event to the next step where a threshold is met just so.
    assert np.abs(counts - expected).sum() <= 1e-3 * expected.sum()
    assert np.abs(counts.sum(0) - expected.sum(0)).max() <= 1


def test_path_is_a_closed_triangle_of_the_given_size():
    path = np.asarray(saccades(90, 6.0))
    np.testing.assert_allclose(path, reference_path(90, 6.0), atol=1e-5)
    assert np.ptp(path, axis=0) == pytest.approx([6, 6], abs=1e-5)
    assert path[30] == pytest.approx([3, 0], abs=1e-5)
    np.testing.assert_allclose(path[0], path[-1], atol=1e-5)


@pytest.mark.parametrize("value", [0, 100, 255])
def test_a_constant_image_gives_no_events(value):
    constant = np.full((2, 9, 9, 1), value, np.uint8)
    assert total(simulate(constant, IDEAL, 20)).sum() == 0
    noisy = simulate(constant, IDEAL._replace(background_on_hz=50.0), 20)
    assert total(noisy)[..., ON].sum() > 0


def test_an_edge_gives_on_where_white_comes_and_off_where_it_leaves():
    # The last saccade moves the image to the left by the amplitude.
    bar = np.zeros((1, 16, 16, 1), np.uint8)
    bar[:, :, 7:9] = 255
    last = total(simulate(bar, IDEAL, 99))[66:, 0]
    # The bar stands at columns 10 and 11 before the saccade and at 4 and 5 after it.
    on, off = last[..., ON].sum((0, 1)), last[..., OFF].sum((0, 1))
    # The bar began at columns 4 and 5, so their reference has fallen by whole
    # thresholds before it rises; that of columns 10 and 11 has risen before it falls.
    contrast = np.log(1.1 / 0.1)
    n_on = int(int(contrast / 0.27) * 0.27 / 0.2)
    n_off = int(int(contrast / 0.2) * 0.2 / 0.27)
    assert (on[4:6] == 16 * n_on).all()
    assert off[4:6].sum() == 0
    assert (off[10:12] == 16 * n_off).all()
    assert on[10:12].sum() == 0
    assert on[:3].sum() == off[:3].sum() == on[13:].sum() == off[13:].sum() == 0
    # In between ON comes before OFF.
    between = last[:, :, 7].sum(1)
    first_on, first_off = (np.flatnonzero(between[:, p])[0] for p in (ON, OFF))
    assert first_on < first_off


def test_counts_of_a_single_step_by_hand():
    # Two levels, and one saccade step that moves the edge across a pixel: the whole
    # triangle in three steps of 2 pixels.
    image = np.zeros((1, 9, 9, 1), np.uint8)
    image[:, :, :4] = 51
    camera = IDEAL._replace(amplitude=2.0)
    counts = total(simulate(image, camera, 3))
    # log(0.3 / 0.1) = 1.0986, five thresholds of 0.2; 1 / 0.27 is 3.7. The edge goes
    # from 3 to 4 to 5 and back to 3.
    assert (counts[0, 0, :, 3, ON] == 5).all()
    assert (counts[1, 0, :, 4, ON] == 5).all()
    # Falling begins at the reference, which is 0.0986 lower.
    assert (counts[2, 0, :, 3:5, OFF] == 3).all()
    assert counts.sum() == 9 * (5 + 5 + 3 + 3)


def test_polarity_flips_when_the_contrast_is_inverted():
    # Of black and white alone the log intensity only changes sign, but for a constant.
    camera = IDEAL._replace(threshold_off=0.2, amplitude=2.0)
    pattern = np.random.default_rng(0).random((1, 9, 9, 1)) < 0.5
    image = np.where(pattern, 255, 0).astype(np.uint8)
    # Whole pixels a step, so that only the two levels are ever seen.
    one = total(simulate(image, camera, 3))
    other = total(simulate(255 - image, camera, 3))
    assert one[0].sum() > 0
    np.testing.assert_array_equal(one[0, ..., ON], other[0, ..., OFF])
    np.testing.assert_array_equal(one[0, ..., OFF], other[0, ..., ON])


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    theta=st.tuples(st.floats(0.05, 1.0), st.floats(0.05, 1.0)),
    dark=st.floats(0.05, 1.0),
    upto=st.integers(1, 20),
)
def test_events_account_for_the_change_within_one_threshold(seed, theta, dark, upto):
    camera = IDEAL._replace(
        threshold_on=theta[0], threshold_off=theta[1], dark=dark, amplitude=4.0
    )
    image = images(seed=seed)
    counts = total(simulate(image, camera, 20))[:upto].sum(0)[0]
    path = reference_path(20, 4.0)
    before, after = (
        np.log(reference_shift(image[0, ..., 0] / 255, *path[s]) + dark)
        for s in (0, upto)
    )
    gap = after - (before + counts[..., ON] * theta[0] - counts[..., OFF] * theta[1])
    assert (gap < theta[0] + 1e-4).all()
    assert (gap > -theta[1] - 1e-4).all()


def test_key_decides_and_images_do_not_influence_each_other():
    camera = Camera(background_on_hz=5.0)
    given = images(3)
    counts = total(simulate(given[:2], camera, 20))
    np.testing.assert_array_equal(counts, total(simulate(given[:2], camera, 20)))
    other = total(simulate(given[:2], camera, 20, jax.random.key(4)))
    assert (counts != other).any()
    # The second image in its place beside another, and at the start of the next batch.
    beside = total(simulate(given[[2, 1]], camera, 20))
    np.testing.assert_array_equal(beside[:, 1], counts[:, 1])
    following = total(simulate(given[1:], camera, 20, first=1))
    np.testing.assert_array_equal(following[:, 0], counts[:, 1])
    # Equal images have unequal backgrounds, but the same pixels.
    twins = total(simulate(given[[0, 0]], camera, 20))
    assert (twins[:, 0] != twins[:, 1]).any()
    quiet = Camera(background_on_hz=0.0)
    twins = total(simulate(given[[0, 0]], quiet, 20))
    np.testing.assert_array_equal(twins[:, 0], twins[:, 1])


def test_jit_and_vmap_change_nothing():
    given = images()
    plain = total(simulate_events(given, KEY, camera=IDEAL, steps=20))
    jitted = total(simulate(given, IDEAL, 20))
    # Compiled as a whole, a logarithm may round otherwise at a threshold.
    assert np.abs(plain - jitted).sum() <= 1e-3 * plain.sum()
    assert np.abs(plain.sum(0) - jitted.sum(0)).max() <= 1
    thresholds = jnp.asarray([0.2, 0.4])
    grid = total(
        jax.vmap(
            lambda theta: simulate_events(
                given, KEY, camera=IDEAL._replace(threshold_on=theta), steps=20
            )
        )(thresholds)
    )
    assert np.abs(grid[0] - plain).sum() <= 1e-3 * plain.sum()
    assert grid[1, ..., ON].sum() < 0.6 * grid[0, ..., ON].sum()


def test_background_has_the_given_rate():
    constant = np.full((20, 32, 32, 1), 90, np.uint8)
    camera = IDEAL._replace(background_on_hz=4.0, background_off_hz=1.0)
    counts = total(simulate(constant, camera, 100))
    expected = np.asarray([1.0, 4.0]) * counts[0, ..., 0].size * DURATION_US / 1e6
    # Five standard deviations of a Poisson number.
    assert (np.abs(counts.sum((0, 1, 2, 3)) - expected) < 5 * np.sqrt(expected)).all()


def test_mismatch_spreads_the_thresholds_as_given():
    camera = Camera(mismatch=0.1)
    drawn = event_camera._thresholds(KEY, (100, 100), camera)
    for theta, mean in zip(
        drawn, (camera.threshold_off, camera.threshold_on), strict=True
    ):
        assert float(theta.mean()) == pytest.approx(mean, rel=0.01)
        assert float(theta.std()) == pytest.approx(0.1 * mean, rel=0.05)
    wild = event_camera._thresholds(KEY, (100, 100), Camera(mismatch=5.0))
    assert float(wild.on.min()) == pytest.approx(0.1 * camera.threshold_on)


def test_luma_weighs_colours_and_leaves_grey_alone():
    primaries = np.eye(3, dtype=np.uint8)[None, None] * 255
    np.testing.assert_allclose(
        luma(jnp.asarray(primaries))[0, 0], [0.299, 0.587, 0.114]
    )
    grey = images()
    np.testing.assert_allclose(
        luma(jnp.asarray(np.repeat(grey, 3, axis=-1))), grey[..., 0] / 255, atol=1e-6
    )


@pytest.mark.parametrize("T", [1, 3, 4, 20])
def test_frames_add_up(T):
    counts = simulate(images(), CAMERA, 20)
    summed = total(frames(counts, T))
    np.testing.assert_array_equal(summed.sum(0), total(counts).sum(0))
    expected = np.zeros_like(summed)
    for s in range(20):
        expected[s * T // 20] += total(counts)[s]
    np.testing.assert_array_equal(summed, expected)


def test_frames_saturate_and_refuse():
    counts = jnp.full((4, 1, 2, 2, 2), 100, jnp.uint8)
    assert total(frames(counts, 1)).max() == total(frames(counts, 1)).min() == 255
    for T in (0, 5):
        with pytest.raises(ValueError, match=f"1 <= T <= 4 steps, got T={T}"):
            frames(counts, T)


def test_recordings_are_sorted_and_hold_every_event():
    counts = total(simulate(images(), IDEAL, 20))
    recordings = to_recordings(counts)
    assert len(recordings) == 2
    for i, events in enumerate(recordings):
        assert (np.diff(events["t"]) >= 0).all()
        assert events["t"].min() >= 0
        assert events["t"].max() < DURATION_US
        step = events["t"] // (DURATION_US // 20)
        again = np.zeros_like(counts[:, i])
        place = (step, events["y"], events["x"], events["p"].astype(int))
        np.add.at(again, place, 1)
        np.testing.assert_array_equal(again, counts[:, i])


def test_times_within_a_step_by_hand():
    counts = np.zeros((3, 1, 1, 2, 2), np.uint8)
    counts[1, 0, 0, 1, ON] = 2
    counts[1, 0, 0, 0, OFF] = 1
    (events,) = to_recordings(counts)
    assert events.tolist() == [
        (1, 0, 125_000, True),
        (0, 0, 150_000, False),
        (1, 0, 175_000, True),
    ]
    assert [len(e) for e in to_recordings(np.zeros((3, 2, 4, 4, 2), np.uint8))] == [
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("given", "camera", "steps", "message"),
    [
        (
            images()[0],
            Camera(),
            9,
            r"uint8 images \[B, H, W, C\].* got uint8 \[9, 9, 1\]",
        ),
        (images(channels=2), Camera(), 9, "C = 1 or 3"),
        (images() / 255, Camera(), 9, "got float64"),
        (images(), Camera(), 0, "steps >= 1, got 0"),
        (images(), Camera(threshold_on=0.0), 9, "finite threshold_on > 0, got 0.0"),
        (images(), Camera(background_on_hz=-1.0), 9, "background_on_hz >= 0, got -1.0"),
        (images(), Camera(dark=float("nan")), 9, "finite dark > 0, got nan"),
    ],
)
def test_bad_input(given, camera, steps, message):
    with pytest.raises(ValueError, match=message):
        simulate_events(given, KEY, camera=camera, steps=steps)


# --- named data sets -----------------------------------------------------------------


def test_digits_dvs_follows_digits(tmp_path, monkeypatch):
    some = [array[:90] for array in digits.read()]
    monkeypatch.setattr(digits, "read", lambda: some)
    for split in ("train", "test", "fit", "validation"):
        still, events = (
            data.load(name, tmp_path, split) for name in ("digits", "digits_dvs")
        )
        np.testing.assert_array_equal(still.labels, events.labels)
        assert events.shape == (10, 34, 34, 2)
        assert events.inputs.dtype == np.uint8
        assert events.description.split_rule == still.description.split_rule
    assert events.description.source.startswith("simulated from digits (scikit-learn")
    again = data.load("digits_dvs", tmp_path, "validation")
    assert again.description == events.description
    assert len(list((tmp_path / "cache").glob("digits_dvs-*"))) == 2


def test_chunks_do_not_show(monkeypatch):
    given = images(7, size=12)
    whole = simulated._simulate(simulated.SETS["digits_dvs"], given, 0)
    monkeypatch.setattr(simulated, "_CHUNK", 3)
    np.testing.assert_array_equal(
        simulated._simulate(simulated.SETS["digits_dvs"], given, 0), whole
    )


def test_colour_images_are_enlarged():
    given = images(2, size=32, channels=3)
    events = simulated._simulate(simulated.SETS["cifar10_dvs_sim"], given, 0)
    assert events.shape == (2, 10, 48, 48, 2)
    assert events.any()
    large = simulated.SETS["cifar10_dvs_sim"].arrange(jnp.asarray(given))
    image = pytest.importorskip("PIL.Image")
    expected = image.fromarray(given[0]).resize((48, 48), image.Resampling.BILINEAR)
    difference = np.asarray(large[0], int) - np.asarray(expected, int)
    assert np.abs(difference).max() <= 1
