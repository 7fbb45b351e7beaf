"""DVSGestureNet: the published table, totals and options."""

import jax
import numpy as np
import pytest

from qifjax import QIFParams, nn
from tests.networks import (
    analog,
    forward,
    parameter_count,
    parameters_by_layer,
    populations,
    quick_jit,
    random_variables,
    synapses,
)

FRAMES = (2, 1, 128, 128, 2)


def test_table():
    model = nn.create("dvs_gesture_net", num_classes=11)
    assert parameter_count(model, FRAMES) == 1_698_926
    layers = synapses(model, FRAMES)
    assert [round(count / 1e6, 3) for count in layers.values()] == [
        *(37.749, 603.980, 150.995, 37.749, 9.437, 1.049, 0.056),
    ]
    assert round(sum(layers.values()) / 1e4) == 84_101
    assert analog(model, FRAMES) == []
    assert populations(model, FRAMES) == 6
    assert parameters_by_layer(model, FRAMES) == {
        "conv1": 2_560,
        **{f"conv{i}": 147_712 for i in (2, 3, 4, 5)},
        "fc1": 1_049_088,
        "fc2": 56_430,
    }


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"head": "plain"}, 1_698_926 - 56_430 + 513 * 11),
        ({"dropout": 0.5}, 1_698_926),
        ({"fc_norm": "tdbn"}, 1_698_926 + 512),  # gamma and xi in place of a bias
        ({"dropout": 0.5, "dropout_per_step": True}, 1_698_926),
    ],
)
def test_options(options, count):
    model = nn.create("dvs_gesture_net", num_classes=11, **options)
    assert parameter_count(model, FRAMES) == count
    small = nn.create(
        "dvs_gesture_net", num_classes=3, width_multiplier=0.02, **options
    )
    assert forward(small, (2, 2, 32, 32, 2)).shape == (2, 3)


def test_a_class_is_the_mean_of_its_ten_votes():
    model = nn.create("dvs_gesture_net", num_classes=2, width_multiplier=0.02)
    x = jax.random.uniform(jax.random.key(0), (1, 1, 32, 32, 2))
    variables = random_variables(model, x.shape)
    # Without weights every vote is its bias: 0 to 9 for one class, 10 to 19 for the
    # other.
    last = variables["params"]["fc2"]
    last["kernel"] = 0 * last["kernel"]
    last["bias"] = np.arange(20, dtype=np.float32)
    logits = quick_jit(model.apply)(variables, x, QIFParams())
    np.testing.assert_allclose(logits, [[4.5, 14.5]])
