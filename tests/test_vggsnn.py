"""VGGSNN: the published table without biases in front of tdBN, totals and options."""

import pytest

from qifjax import nn
from tests.networks import (
    analog,
    forward,
    parameter_count,
    parameters_by_layer,
    populations,
    synapses,
)

FRAMES = (2, 1, 48, 48, 2)
CHANNELS = [64, 128, 256, 256, 512, 512, 512, 512]
WITH_BIAS = [1344, 74112, 295680, 590592, 1181184, 2360832, 2360832, 2360832]
MEGA = [2.654, 169.869, 169.869, 339.739, 169.869, 339.739, 84.935, 84.935, 0.046]


@pytest.mark.parametrize("options", [{}, {"pool": False}], ids=str)
@pytest.mark.parametrize(("classes", "published"), [(10, 9_271_498), (2, 9_234_626)])
def test_published_parameters(options, classes, published):
    model = nn.create("vggsnn", num_classes=classes, **options)
    assert parameter_count(model, FRAMES) == published - sum(CHANNELS)


def test_table():
    model = nn.create("vggsnn", num_classes=10)
    layers = synapses(model, FRAMES)
    assert [round(count / 1e6, 3) for count in layers.values()] == MEGA
    assert round(sum(layers.values()) / 1e4) == 136_165
    assert analog(model, FRAMES) == []
    assert populations(model, FRAMES) == 8
    by_layer = list(parameters_by_layer(model, FRAMES).values())
    without = [n - c for n, c in zip(WITH_BIAS, CHANNELS, strict=True)]
    assert by_layer == [*without, 46_090]


def test_strides_in_place_of_pooling():
    small = nn.create("vggsnn", num_classes=3, pool=False, width_multiplier=1 / 32)
    assert forward(small, (2, 2, 16, 16, 2)).shape == (2, 3)
    model = nn.create("vggsnn", num_classes=10, pool=False)
    # Convolutions 2, 4, 6 and 8 see a quarter of the pixels; the others as before.
    megas = [m / 4 if i in (1, 3, 5, 7) else m for i, m in enumerate(MEGA)]
    layers = synapses(model, FRAMES)
    assert [n / 1e6 for n in layers.values()] == pytest.approx(megas, abs=1e-3)
