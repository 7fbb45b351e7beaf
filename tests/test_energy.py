"""Energy by eq. 17, by hand and against the paper's totals."""

import pytest

from qifjax import EulerQIFParams, LIFParams, QIFParams, nn
from qifjax.energy import (
    PRESETS,
    Operations,
    layer_energy,
    memory_energy,
    neuron_energy,
)

LAYERS = {
    "stem": Operations("mac", 1_000_000),
    "neuron": Operations("neuron", 500),
    "conv": Operations("ac", 2_000_000),
}


def test_by_hand():
    energy = layer_energy(LAYERS, {"conv": 0.25}, timesteps=4)
    assert energy == pytest.approx({"stem": 4 * 4.6e-3, "conv": 4 * 0.9e-3 * 0.25 * 2})
    assert list(energy) == ["stem", "conv"]


def test_constants_are_options():
    half = PRESETS["float16"]
    energy = layer_energy(LAYERS, {"conv": 1.0}, timesteps=1, constants=half)
    assert energy == pytest.approx({"stem": 1.5e-3, "conv": 2 * 0.4e-3})


@pytest.mark.parametrize(
    ("neuron", "picojoule"),
    [
        (LIFParams(), 1 * 3.7 + 3 * 0.9),
        (QIFParams(), 2 * 3.7 + 5 * 0.9),
        (EulerQIFParams(), 3 * 3.7 + 6 * 0.9),
    ],
    ids=str,
)
def test_arithmetic_of_the_neurons_by_hand(neuron, picojoule):
    energy = neuron_energy(LAYERS, neuron, timesteps=4)
    assert energy == pytest.approx({"neuron": 4 * 500 * picojoule * 1e-9})


def test_memory_traffic_by_hand():
    energy = memory_energy(LAYERS, {"conv": 0.25}, timesteps=4)
    assert energy == pytest.approx(
        {
            "stem": 4 * 3 * 5.0e-9 * 1_000_000,
            "neuron": 4 * 2 * 5.0e-9 * 500,
            "conv": 4 * 3 * 5.0e-9 * 0.25 * 2_000_000,
        }
    )
    assert list(energy) == ["stem", "neuron", "conv"]


TABLE_1 = [
    # network, options, input shape, T, rates and energies in mJ of LIF and QIF
    (
        "resnet19",
        {"num_classes": 10},
        (1, 32, 32, 3),
        2,
        (0.239, 0.129),
        (0.968, 0.531),
    ),
    (
        "resnet19",
        {"num_classes": 100},
        (1, 32, 32, 3),
        2,
        (0.236, 0.191),
        (0.958, 0.778),
    ),
    (
        "vggsnn",
        {"num_classes": 10},
        (1, 1, 48, 48, 2),
        10,
        (0.0692, 0.0295),
        (0.848, 0.361),
    ),
    (
        "vgg11",
        {"num_classes": 101},
        (1, 1, 48, 48, 2),
        10,
        (0.1863, 0.0884),
        (0.788, 0.374),
    ),
    (
        "vggsnn",
        {"num_classes": 2},
        (1, 1, 48, 48, 2),
        10,
        (0.0890, 0.0211),
        (1.090, 0.259),
    ),
    (
        "dvs_gesture_net",
        {"num_classes": 11},
        (1, 1, 128, 128, 2),
        10,
        (0.1447, 0.0957),
        (1.095, 0.724),
    ),
]


@pytest.mark.parametrize(
    ("name", "options", "shape", "timesteps", "rates", "energies"),
    TABLE_1,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_table_1_follows_from_the_shipped_networks(
    name, options, shape, timesteps, rates, energies
):
    """The rates were derived from the energies: this is a test of the accounting."""
    operations = nn.operations(nn.create(name, **options), shape, QIFParams())
    for rate, energy in zip(rates, energies, strict=True):
        inputs = dict.fromkeys(operations, rate)
        total = sum(layer_energy(operations, inputs, timesteps).values())
        assert total == pytest.approx(energy, rel=0.01)


def test_a_missing_rate_is_an_error():
    with pytest.raises(KeyError, match="conv"):
        layer_energy(LAYERS, {}, timesteps=1)
