"""VGG-11: the published tables without biases in front of tdBN, totals and options."""

import jax
import numpy as np
import pytest

from qifjax import nn
from tests.networks import (
    forward,
    parameter_count,
    parameters_by_layer,
    populations,
    random_variables,
    synapses,
    training_pass,
)

FRAMES = (2, 1, 48, 48, 2)
BIASES = 64 + 128 + 2 * 256 + 4 * 512


def test_table_of_form_a():
    model = nn.create("vgg11", num_classes=101)
    assert parameter_count(model, FRAMES) == 9_277_221 - BIASES == 9_274_469
    layers = synapses(model, FRAMES)
    assert [round(count / 1e6, 3) for count in layers.values()] == [
        *(2.654, 42.467, 42.467, 84.935, 42.467, 84.935, 84.935, 84.935),
        0.052,
    ]
    assert round(sum(layers.values()) / 1e4) == 46_985
    assert populations(model, FRAMES) == 8
    assert list(parameters_by_layer(model, FRAMES).values()) == [
        *(1344 - 64, 74112 - 128, 295680 - 256, 590592 - 256, 1181184 - 512),
        *[2360832 - 512] * 3,
        51_813,
    ]


def test_form_b():
    """The published 11,744,448 holds biases of the convolutions, which we leave out."""
    model = nn.create("vgg11", num_classes=101, form="b")
    assert parameter_count(model, FRAMES) == 11_744_448 - BIASES
    assert round(sum(synapses(model, FRAMES).values()) / 1e5) == 3_449
    small = nn.create("vgg11", num_classes=3, form="b", width_multiplier=1 / 64)
    assert forward(small, (2, 2, 16, 16, 2)).shape == (2, 3)


@pytest.mark.parametrize("per_step", [False, True])
def test_dropout(per_step):
    model = nn.create(
        "vgg11",
        num_classes=3,
        width_multiplier=1 / 64,
        dropout=0.6,
        dropout_per_step=per_step,
    )
    x = jax.random.uniform(jax.random.key(0), (2, 2, 8, 8, 2))
    variables = random_variables(model, x.shape)
    run, key = training_pass(model), jax.random.key(0)
    logits, _ = run(variables, x, key)
    assert np.any(logits != run(variables, x, jax.random.key(1))[0])
    np.testing.assert_array_equal(logits, run(variables, x, key)[0])


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_impossible_dropout_is_refused(dropout):
    with pytest.raises(ValueError, match="dropout must be at least 0 and below 1"):
        nn.create("vgg11", num_classes=3, dropout=dropout)
