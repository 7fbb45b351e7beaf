"""Energy by eq. 17, by hand and against the paper's totals."""

import pytest

from qifjax.energy import Operations, layer_energy

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
    energy = layer_energy(
        LAYERS, {"conv": 1.0}, timesteps=1, picojoule_mac=1.0, picojoule_ac=2.0
    )
    assert energy == pytest.approx({"stem": 1e-3, "conv": 4e-3})


@pytest.mark.parametrize(("rate", "total"), [(0.239, 0.968), (0.129, 0.531)])
def test_totals_of_table_1_for_resnet19(rate, total):
    """2,216.5 M operations, of which 1.769 M in the stem, at T = 2."""
    layers = {
        "stem": Operations("mac", 1_769_472),
        "rest": Operations("ac", 2_214_700_000),
    }
    energy = layer_energy(layers, {"rest": rate}, timesteps=2)
    assert sum(energy.values()) == pytest.approx(total, rel=0.01)


def test_a_missing_rate_is_an_error():
    with pytest.raises(KeyError, match="conv"):
        layer_energy(LAYERS, {}, timesteps=1)
