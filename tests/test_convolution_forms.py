"""Every form of a convolution and its gradients equals a loop over pixels."""

import functools

import jax
import numpy as np
import pytest

from qifjax.nn.convolution import (
    forward_forms,
    geometry,
    input_forms,
    kernel_forms,
    winograd,
)

GEOMETRIES = [
    ((1, 1), (1, 1), ((0, 0), (0, 0))),
    ((1, 1), (2, 2), ((0, 0), (0, 0))),
    ((3, 3), (1, 1), ((1, 1), (1, 1))),
    ((3, 3), (2, 2), ((1, 1), (1, 1))),
    ((5, 4), (2, 1), ((0, 2), (1, 0))),
    ((5, 4), (1, 1), ((0, 2), (1, 0))),
    ((3, 3), (1, 1), ((0, 2), (2, 0))),
]
geometries = pytest.mark.parametrize(("shape", "strides", "pads"), GEOMETRIES)


def case(shape, strides, pads):
    """Images, kernel and cotangent of a convolution, float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 8, 3)).astype(np.float32)
    size = [
        (x.shape[1 + i] + sum(pads[i]) - shape[i]) // strides[i] + 1 for i in range(2)
    ]
    kernel = rng.normal(size=(*shape, 3, 4)).astype(np.float32)
    return x, kernel, rng.normal(size=(2, *size, 4)).astype(np.float32)


def loop(x, kernel, cotangent, strides, pads):
    """Output, gradient of the input and of the kernel, in float64, pixel by pixel."""
    padded = np.pad(np.float64(x), ((0, 0), *pads, (0, 0)))
    output = np.zeros(cotangent.shape)
    of_input, of_kernel = np.zeros(padded.shape), np.zeros(kernel.shape)
    for i, j in np.ndindex(*cotangent.shape[1:3]):
        top, left = i * strides[0], j * strides[1]
        place = np.s_[:, top : top + kernel.shape[0], left : left + kernel.shape[1]]
        error = np.float64(cotangent[:, i, j])
        output[:, i, j] = np.einsum("bklc,klcf->bf", padded[place], kernel)
        of_kernel += np.einsum("bklc,bf->klcf", padded[place], error)
        of_input[place] += np.einsum("klcf,bf->bklc", kernel, error)
    rows, columns = (slice(pads[i][0], pads[i][0] + x.shape[1 + i]) for i in range(2))
    return output, of_input[:, rows, columns], of_kernel


def skip_unless_for(form, shape, strides):
    if form == "by_bands" and strides != (1, 1):
        pytest.skip("bands are for strides of one")
    if form == "by_winograd" and (shape, strides) != ((3, 3), (1, 1)):
        pytest.skip("Winograd's form is for kernels of three by three, strides of one")


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@geometries
@pytest.mark.parametrize("form", ["by_xla", "by_bands", "by_winograd"])
def test_forward_forms_equal_a_loop(form, shape, strides, pads):
    skip_unless_for(form, shape, strides)
    x, kernel, cotangent = case(shape, strides, pads)
    found = getattr(forward_forms, form)(x, kernel, strides, pads)
    close(found, loop(x, kernel, cotangent, strides, pads)[0])


@geometries
@pytest.mark.parametrize("form", ["by_convolution", "by_bands", "by_winograd"])
def test_input_forms_equal_a_loop(form, shape, strides, pads):
    skip_unless_for(form, shape, strides)
    x, kernel, cotangent = case(shape, strides, pads)
    found = getattr(input_forms, form)(cotangent, kernel, x.shape, strides, pads)
    close(found, loop(x, kernel, cotangent, strides, pads)[1])


@geometries
@pytest.mark.parametrize(
    "form",
    ["by_patches", "by_positions", "by_blocks", "by_convolution", "by_winograd"],
)
def test_kernel_forms_equal_a_loop(form, shape, strides, pads):
    skip_unless_for(form, shape, strides)
    x, kernel, cotangent = case(shape, strides, pads)
    found = getattr(kernel_forms, form)(x, cotangent, shape, strides, pads)
    close(found, loop(x, kernel, cotangent, strides, pads)[2])


@pytest.mark.parametrize("form", ["by_convolution", "by_blocks", "by_winograd"])
def test_kernel_gradients_add_up_over_chunks_of_images(form, monkeypatch):
    monkeypatch.setattr(kernel_forms, "CHUNK", 1)
    monkeypatch.setattr(kernel_forms, "PIXELS", 1)
    monkeypatch.setattr(winograd, "GRADIENT_PIXELS", 1)
    place = GEOMETRIES[2]
    x, kernel, cotangent = case(*place)
    found = getattr(kernel_forms, form)(x, cotangent, *place)
    close(found, loop(x, kernel, cotangent, *place[1:])[2])


def test_blocks_come_near_a_number_of_pixels_and_divide_the_batch():
    at_once = functools.partial(geometry.images_at_once, pixels=1024)
    assert at_once(128, (16, 16)) == 4
    assert at_once(20, (17, 17)) == 4
    assert at_once(62, (8, 8)) == 31  # 2 x 31: nearer to 16 than 2 is
    assert at_once(8, (112, 112)) == 1


def test_sums_of_bfloat16_images_are_float32():
    """255 + 1 is 256 in bfloat16 too, but 256 + 1 stays 256."""
    x = np.ones((1, 17, 17, 1), np.float32)
    kernel = np.ones((17, 17, 1, 1), np.float32)
    half = [jax.numpy.asarray(array, jax.numpy.bfloat16) for array in (x, kernel)]
    found = forward_forms.by_bands(*half, (1, 1), ((0, 0), (0, 0)))
    assert found.dtype == jax.numpy.bfloat16
    assert float(found[0, 0, 0, 0]) == 288  # 289 rounded once


SAME, VALID = ((2, 2), (2, 2)), ((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("module", "side", "channels", "features", "kernel", "pads", "form"),
    [
        # LeNet-5
        (forward_forms, 28, 1, 6, 5, SAME, "by_bands"),
        (forward_forms, 14, 6, 16, 5, VALID, "by_bands"),
        (input_forms, 14, 6, 16, 5, VALID, "by_bands"),
        (input_forms, 35, 6, 16, 5, VALID, "by_convolution"),  # 31 columns
        (input_forms, 48, 2, 64, 3, ((1, 1), (1, 1)), "by_convolution"),
        (forward_forms, 14, 6, 16, 1, VALID, "by_xla"),
        (kernel_forms, 32, 8, 8, 3, ((1, 1), (1, 1)), "by_convolution"),
        (kernel_forms, 28, 1, 6, 5, SAME, "by_convolution"),
        (kernel_forms, 14, 6, 16, 5, VALID, "by_convolution"),
        # ResNet-19
        (forward_forms, 8, 3, 64, 3, ((1, 1), (1, 1)), "by_xla"),
        (input_forms, 8, 64, 64, 3, ((1, 1), (1, 1)), "by_convolution"),
        (kernel_forms, 8, 3, 64, 3, ((1, 1), (1, 1)), "by_patches"),
        (kernel_forms, 8, 64, 64, 3, ((1, 1), (1, 1)), "by_blocks"),
        (kernel_forms, 8, 64, 128, 1, VALID, "by_positions"),
        # VGGSNN
        (forward_forms, 24, 64, 128, 3, ((1, 1), (1, 1)), "by_winograd"),
        (input_forms, 24, 64, 128, 3, ((1, 1), (1, 1)), "by_winograd"),
        (kernel_forms, 24, 64, 128, 3, ((1, 1), (1, 1)), "by_blocks"),
        (kernel_forms, 24, 128, 256, 3, ((1, 1), (1, 1)), "by_winograd"),
        (forward_forms, 24, 64, 128, 5, SAME, "by_xla"),
    ],
)
def test_the_form_follows_from_the_shapes(
    module, side, channels, features, kernel, pads, form, monkeypatch
):
    used = []
    for name in [name for name in vars(module) if name.startswith("by_")]:
        monkeypatch.setattr(module, name, lambda *_, name=name: used.append(name))
    size = side + sum(pads[0]) - kernel + 1
    x = np.zeros((1, side, side, channels))
    weights = np.zeros((kernel, kernel, channels, features))
    cotangent = np.zeros((1, size, size, features))
    {
        forward_forms: lambda: forward_forms.forward(x, weights, (1, 1), pads),
        input_forms: lambda: input_forms.input_gradient(
            cotangent, weights, x.shape, (1, 1), pads
        ),
        kernel_forms: lambda: kernel_forms.kernel_gradient(
            x, cotangent, (kernel, kernel), (1, 1), pads
        ),
    }[module]()
    assert used == [form]
