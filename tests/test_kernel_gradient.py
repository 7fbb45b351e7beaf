"""Every form of the kernel's gradient equals a loop over pixels, and XLA's."""

import jax
import numpy as np
import pytest

from qifjax.nn import kernel_gradient as forms

FORMS = ["by_patches", "by_positions", "by_correlation"]


def loop(x, cotangent, shape, strides, pads):
    """A sum over the pixels of the output, in float64."""
    padded = np.pad(np.float64(x), ((0, 0), *pads, (0, 0)))
    gradient = np.zeros((*shape, x.shape[-1], cotangent.shape[-1]))
    for i, j in np.ndindex(*cotangent.shape[1:3]):
        top, left = i * strides[0], j * strides[1]
        seen = padded[:, top : top + shape[0], left : left + shape[1]]
        gradient += np.einsum("bklc,bf->klcf", seen, np.float64(cotangent[:, i, j]))
    return gradient


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("shape", "strides", "pads"),
    [
        ((1, 1), (1, 1), ((0, 0), (0, 0))),
        ((1, 1), (2, 2), ((0, 0), (0, 0))),
        ((3, 3), (1, 1), ((1, 1), (1, 1))),
        ((3, 3), (2, 2), ((1, 1), (1, 1))),
        ((5, 4), (2, 1), ((0, 2), (1, 0))),
    ],
)
def test_forms_equal_a_loop(form, shape, strides, pads):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 8, 3)).astype(np.float32)
    size = [
        (x.shape[1 + i] + sum(pads[i]) - shape[i]) // strides[i] + 1 for i in range(2)
    ]
    cotangent = rng.normal(size=(2, *size, 4)).astype(np.float32)
    found = getattr(forms, form)(x, cotangent, shape, strides, pads)
    expected = loop(x, cotangent, shape, strides, pads)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("channels", "features", "shape", "form"),
    [
        (3, 64, (3, 3), "by_patches"),
        (64, 128, (1, 1), "by_positions"),
        (128, 128, (3, 3), "by_positions"),
        (16, 16, (3, 3), "by_correlation"),
        (1, 6, (5, 5), "by_correlation"),
    ],
)
def test_the_form_follows_from_the_channels(
    channels, features, shape, form, monkeypatch
):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 5, 5, channels)).astype(np.float32)
    pads = tuple((size // 2, size // 2) for size in shape)
    cotangent = rng.normal(size=(1, 5, 5, features)).astype(np.float32)
    others = [name for name in FORMS if name != form]
    for name in others:
        monkeypatch.setattr(forms, name, None)
    found = forms.kernel_gradient(x, cotangent, shape, (1, 1), pads)

    def conv(kernel):
        layout = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, kernel, (1, 1), pads, dimension_numbers=layout
        )

    _, pull_back = jax.vjp(conv, np.zeros((*shape, channels, features), np.float32))
    np.testing.assert_allclose(found, *pull_back(cotangent), rtol=1e-4, atol=1e-4)
