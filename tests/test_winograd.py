"""What Winograd's convolution is besides the same as the other forms."""

import jax
import numpy as np

from qifjax.nn.convolution import forward_forms, winograd

SAME = ((1, 1), (1, 1))


def spikes(shape):
    return (np.random.default_rng(0).random(shape) < 0.3).astype(np.float32)


def weights(*channels):
    return np.random.default_rng(1).normal(size=(3, 3, *channels)).astype(np.float32)


def test_is_exact_for_spikes_and_whole_weights():
    x, kernel = spikes((3, 7, 10, 20)), np.round(8 * weights(20, 6)) * 4
    found = winograd.convolution(x, kernel, SAME)
    np.testing.assert_array_equal(found, forward_forms.by_xla(x, kernel, (1, 1), SAME))


def test_rounds_as_a_sum_of_products_does():
    x, kernel = spikes((2, 16, 16, 128)), weights(128, 64)
    padded = np.pad(np.float64(x), ((0, 0), *SAME, (0, 0)))
    exact = sum(
        padded[:, i : i + 16, j : j + 16] @ np.float64(kernel[i, j])
        for i, j in np.ndindex(3, 3)
    )
    errors = [
        np.abs(found - exact).max()
        for found in (
            winograd.convolution(x, kernel, SAME),
            forward_forms.by_xla(x, kernel, (1, 1), SAME),
        )
    ]
    assert errors[0] < 4 * errors[1]


def test_is_the_same_for_any_number_of_images_at_a_time(monkeypatch):
    x, kernel = spikes((3, 9, 8, 5)), weights(5, 4)
    whole = winograd.convolution(x, kernel, SAME)
    monkeypatch.setattr(winograd, "PIXELS", 1)
    found = winograd.convolution(x, kernel, SAME)
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-5)


def test_values_that_are_not_finite_stay_in_their_image():
    x = spikes((2, 6, 6, 4))
    x[0, 0, 0, 0] = np.nan
    found = winograd.convolution(x, weights(4, 4), SAME)
    assert np.isnan(found[0]).any()
    assert np.isfinite(found[1]).all()


def test_kernels_are_combined_when_their_images_are_there():
    """Those of all layers would take 16/9 of the memory of the weights."""
    kernels = [np.zeros((3, 3, 64, 64), np.float32)] * 6

    def chain(x, kernels):
        for kernel in kernels:
            x = winograd.convolution(x, kernel, SAME)
        return x

    def temporary(count):
        program = jax.jit(chain).lower(spikes((1, 8, 8, 64)), kernels[:count])
        return program.compile().memory_analysis().temp_size_in_bytes

    assert temporary(6) < temporary(2) + 2 * kernels[0].nbytes
