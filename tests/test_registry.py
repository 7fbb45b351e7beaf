"""The registry that makes networks, and its errors."""

import numpy as np
import pytest

from qifjax import nn


def test_registry_lists_what_there_is():
    assert "lenet5" in nn.names()
    assert nn.options("lenet5")["timesteps"] == 2
    with pytest.raises(
        ValueError, match=r"'lenet', did you mean 'lenet5'\? .known: .*lenet5"
    ):
        nn.create("lenet", num_classes=10)
    with pytest.raises(
        ValueError, match=r"option of lenet5 'timestep', did you mean 'timesteps'"
    ):
        nn.create("lenet5", num_classes=10, timestep=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pool": "mean"}, r"option pool must be one of 'avg', 'max', got 'mean'"),
        ({"learned": "yes"}, "option learned must be True or False, got 'yes'"),
        ({"timesteps": 0}, "option timesteps must be at least 1, got 0"),
        ({"timesteps": 2.0}, "option timesteps must be a whole number, got 2.0"),
        ({"timesteps": True}, "option timesteps must be a whole number, got True"),
        ({"width_multiplier": 0}, "option width_multiplier must be above 0, got 0"),
        ({"weight_init": "zeros"}, "must be one of 'kaiming', 'pytorch', got 'zeros'"),
    ],
)
def test_values_of_options_are_checked_when_a_network_is_made(settings, message):
    with pytest.raises(ValueError, match=f"LeNet5: .*{message}"):
        nn.create("lenet5", num_classes=10, **settings)


def test_numbers_may_be_of_numpy():
    model = nn.create(
        "lenet5", num_classes=np.int64(10), width_multiplier=np.float32(1)
    )
    assert model.num_classes == 10


def test_every_network_has_the_common_options():
    for name in nn.names():
        common = ("timesteps", "dtype", "axis_name", "learned", "weight_init")
        assert set(common) <= set(nn.options(name))
        assert nn.options(name)["width_multiplier"] == 1.0
