"""ResNet-19 and ResNet-34: published tables, totals and options."""

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

IMAGE = (1, 32, 32, 3)
LARGE = (1, 64, 64, 3)
WIDE = 150_994_944  # a 3 x 3 convolution at constant width, at every stage


@pytest.mark.parametrize(("classes", "count"), [(10, 12_630_858), (100, 12_653_988)])
def test_published_parameters_of_resnet19(classes, count):
    model = nn.create("resnet19", num_classes=classes)
    assert parameter_count(model, IMAGE) == count


def test_table_of_resnet19():
    model = nn.create("resnet19", num_classes=10)
    layers = synapses(model, IMAGE)
    assert layers == {
        "conv1/conv": 1_769_472,
        "stage1_block1/conv1/conv": 75_497_472,
        "stage1_block1/conv2": WIDE,
        "stage1_block1/projection": 8_388_608,
        "stage1_block2/conv1/conv": WIDE,
        "stage1_block2/conv2": WIDE,
        "stage1_block3/conv1/conv": WIDE,
        "stage1_block3/conv2": WIDE,
        "stage2_block1/conv1/conv": 75_497_472,
        "stage2_block1/conv2": WIDE,
        "stage2_block1/projection": 8_388_608,
        "stage2_block2/conv1/conv": WIDE,
        "stage2_block2/conv2": WIDE,
        "stage2_block3/conv1/conv": WIDE,
        "stage2_block3/conv2": WIDE,
        "stage3_block1/conv1/conv": 75_497_472,
        "stage3_block1/conv2": WIDE,
        "stage3_block1/projection": 8_388_608,
        "stage3_block2/conv1/conv": WIDE,
        "stage3_block2/conv2": WIDE,
        "fc1/dense": 131_072,
        "fc2": 2_560,
    }
    assert round(sum(layers.values()) / 1e5) == 22_165
    assert analog(model, IMAGE) == ["conv1/conv"]
    assert analog(model, (2, *IMAGE[:-1], 2)) == []
    assert populations(model, IMAGE) == 18
    assert parameters_by_layer(model, IMAGE) == {
        "conv1": 1_856,
        "stage1_block1": 73_984 + 147_712 + 8_448,
        "stage1_block2": 2 * 147_712,
        "stage1_block3": 2 * 147_712,
        "stage2_block1": 295_424 + 590_336 + 33_280,
        "stage2_block2": 2 * 590_336,
        "stage2_block3": 2 * 590_336,
        "stage3_block1": 1_180_672 + 2_360_320 + 132_096,
        "stage3_block2": 2 * 2_360_320,
        "fc1": 131_328,
        "fc2": 2_570,
    }


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"stem_width": 128}, 12_697_994),
        ({"stem_width": 128, "head_hidden": 0}, 12_569_226),
        ({"fc_norm": "tdbn"}, 12_630_858 + 256),
        # Two parameters a channel for each of the five identity shortcuts.
        ({"residual_eta": "branch+proj+identity"}, 12_630_858 + 2 * 1_280),
        ({"residual_eta": "proj_blocks_only"}, 12_630_858),
    ],
)
def test_options_of_resnet19(options, count):
    assert parameter_count(nn.create("resnet19", num_classes=10, **options), IMAGE) == (
        count
    )


def test_forward_with_options():
    settings = {
        "stem_width": 128,
        "head_hidden": 0,
        "residual_eta": "branch+proj+identity",
        "width_multiplier": 1 / 32,
    }
    model = nn.create("resnet19", num_classes=3, **settings)
    assert forward(model, (2, 8, 8, 3)).shape == (2, 3)


def test_operations_with_a_stem_of_128():
    model = nn.create("resnet19", num_classes=10, stem_width=128)
    total = sum(synapses(model, IMAGE).values())
    assert round(total / 1e5) == 22_854


def test_table_of_resnet34():
    model = nn.create("resnet34", num_classes=10)
    layers = synapses(model, LARGE)
    assert round(sum(layers.values()) / 1e5) == 46_376
    counts = list(layers.values())
    assert layers["conv1/conv"] == 7_077_888
    assert layers["fc"] == 5_120
    assert counts.count(WIDE) == 2 * 16 - 3
    assert counts.count(75_497_472) == counts.count(8_388_608) == 3
    assert populations(model, LARGE) == 33
    assert parameter_count(model, LARGE) == 21_282_122
    by_layer = parameters_by_layer(model, LARGE)
    assert by_layer["conv1"] == 1_856
    assert by_layer["stage1_block1"] == 2 * 36_992
    assert by_layer["stage2_block1"] == 73_984 + 147_712 + 8_448
    assert by_layer["stage3_block6"] == 2 * 590_336
    assert by_layer["stage4_block1"] == 1_180_672 + 2_360_320 + 132_096
    assert by_layer["fc"] == 5_130


@pytest.mark.parametrize(("stem", "operations"), [("7x7", 11_673), ("7x7pool", 2_990)])
def test_stems_of_resnet34(stem, operations):
    model = nn.create("resnet34", num_classes=10, stem=stem)
    assert parameter_count(model, LARGE) == 21_289_802
    assert round(sum(synapses(model, LARGE).values()) / 1e5) == operations


@pytest.mark.slow
def test_forward_with_the_stem_of_imagenet():
    model = nn.create(
        "resnet34", num_classes=3, stem="7x7pool", width_multiplier=1 / 32
    )
    assert forward(model, (2, 32, 32, 3)).shape == (2, 3)
