"""Meta-SpikeFormer: the published table, totals, options, and its treatment of tdBN."""

import jax
import numpy as np
import pytest

from qifjax import LIFParams, QIFParams, nn
from qifjax.nn.meta_blocks import LinearAttention
from tests.networks import (
    analog,
    forward,
    parameter_count,
    parameters_by_layer,
    populations,
    random_variables,
    synapses,
)

IMAGE = (1, 224, 224, 3)
# Biases that the reference has in front of norms: downsamplings and MLPs.
BIASES = 48 + 96 + 192 + 384 + 480 + 5 * (6 * 384 + 2 * 480)


@pytest.mark.parametrize(
    ("classes", "published"), [(1000, 31_333_864), (200, 30_949_064)]
)
def test_published_parameters(classes, published):
    model = nn.create("meta_spikeformer", num_classes=classes)
    assert parameter_count(model, IMAGE) == published - BIASES


def test_table_of_parameters():
    model = nn.create("meta_spikeformer", num_classes=1000)
    found = parameters_by_layer(model, IMAGE)
    transformer = {3: 4 * 300_672 + 1_185_408 - 5 * 384, 4: 4 * 468_000 + 1_850_400}
    transformer[4] -= 5 * 480
    downsamplings = {
        "1_1": 7_200 - 48,
        "1_2": 41_760 - 96,
        "2": 166_464 - 192,
        "3": 664_704 - 384,
        "4": 1_660_320 - 480,
    }
    for name, count in downsamplings.items():
        mine = found[f"downsample{name}"] + found[f"downsample{name}_norm"]
        assert mine == count
    assert found["block1_1"] == 14_208 + 166_368
    assert found["block1_2"] == 46_848 + 664_512
    assert found["block2_1"] == found["block2_2"] == 167_424 + 2_656_128
    assert {found[f"block3_{i}"] for i in range(1, 7)} == {transformer[3]}
    assert {found[f"block4_{i}"] for i in range(1, 3)} == {transformer[4]}
    assert found["head"] == 481_000


def test_table_of_operations():
    model = nn.create("meta_spikeformer", num_classes=1000)
    layers = synapses(model, IMAGE)

    def megas(prefix):
        return sum(n for name, n in layers.items() if name.startswith(prefix)) / 1e6

    expected = {
        "downsample1_1": 88.5,
        "block1_1/separable": 174.6,
        "block1_1/mixer": 2080.9,
        "downsample1_2": 130.1,
        "block1_2/separable": 145.1,
        "block1_2/mixer": 2080.9,
        "downsample2": 130.1,
        "block2_2/separable": 130.4,
        "block2_2/mixer": 2080.9,
        "downsample3": 130.1,
        "block3_6/attention/q": 58.5,
        "block3_6/attention/proj": 58.5,
        "block3_6/attention/attention": 7.2,
        "block3_6/mlp": 231.2,
        "downsample4": 325.1,
        "block4_1/attention/v": 91.2,
        "block4_1/attention/attention": 11.3,
        "block4_1/mlp": 361.3,
        "head": 0.5,
    }
    found = {prefix: round(megas(prefix), 1) for prefix in expected}
    assert found == expected
    assert round(sum(layers.values()) / 1e7) == 1402
    assert populations(model, IMAGE) == 77


def test_operations_at_64_pixels():
    def gigas(**options):
        model = nn.create("meta_spikeformer", num_classes=200, **options)
        return sum(synapses(model, (1, 64, 64, 3)).values()) / 1e9

    assert round(gigas(), 3) == 1.144
    # Four times the pixels in every stage: attention is linear in their number, too.
    assert gigas(strides="1,2,2,2,1") == pytest.approx(4 * gigas(), rel=1e-3)


def test_layers_with_real_valued_inputs_multiply():
    model = nn.create("meta_spikeformer", num_classes=10)
    found = analog(model, (1, 32, 32, 3))
    rep_conv = ("depthwise", "conv2")
    blocks = [f"block{s}_{i}" for s, n in ((3, 6), (4, 2)) for i in range(1, n + 1)]
    assert found == [
        "downsample1_1",
        *(f"block{b}/separable/reduce" for b in ("1_1", "1_2", "2_1", "2_2")),
        *(
            f"{block}/attention/{part}/{layer}"
            for block in blocks
            for part in ("q", "k", "v", "proj")
            for layer in rep_conv
        ),
    ]
    assert "downsample1_1" not in analog(model, (1, 1, 32, 32, 2))


def test_rate_of_the_attention_is_the_mean_of_its_gates():
    rng = np.random.default_rng(0)
    q, k, v = (
        np.float32(rng.uniform(size=(2, 3, 2, 2, 16)) < share)
        for share in (0.1, 0.5, 0.9)
    )
    _, recorded = LinearAttention().apply({}, q, k, v, mutable=["activity"])
    expected = (q.mean((0, 2, 3, 4)) + k.mean((0, 2, 3, 4))) / 2
    np.testing.assert_allclose(recorded["activity"]["input_rate"], expected, rtol=1e-6)


def small(**options):
    return nn.create(
        "meta_spikeformer", num_classes=3, width_multiplier=0.03, **options
    )


@pytest.mark.slow
def test_forward_with_options():
    model = small(
        stream_eta="one",
        attention_norm="none",
        head_norm="tdbn",
        strides="1,2,2,2,1",
        timesteps=2,
    )
    assert forward(model, (2, 16, 16, 3)).shape == (2, 3)


@pytest.mark.slow
def test_options_change_no_published_count():
    other = small(attention_norm="none", head_norm="tdbn", stream_eta="one")
    plain = parameter_count(small(), (1, 32, 32, 3))
    assert parameter_count(other, (1, 32, 32, 3)) == plain


@pytest.mark.parametrize("strides", ["2,2,2,2", "2,2,2,2,3", "two", "2,2,2,2,1,"])
def test_impossible_strides_are_refused(strides):
    with pytest.raises(ValueError, match="strides must be 5 numbers, each 1 or 2"):
        small(strides=strides)


@pytest.mark.slow
@pytest.mark.parametrize("neuron", [QIFParams(), LIFParams()], ids=("qif", "lif"))
def test_every_population_starts_alive(neuron):
    """At full width on 64 x 64 pixels; the variance of the stream grows slowly."""
    model = nn.create("meta_spikeformer", num_classes=200)
    x = jax.random.normal(jax.random.key(0), (8, 64, 64, 3))
    variables = random_variables(model, x.shape)
    found = nn.inspect_populations(model, variables, x, neuron, train=True)
    assert len(found) == 77
    for name, population in found.items():
        assert population.silent < 0.95, name
        assert population.inside > 0.05, name
    for i in range(1, 7):
        # The stream in front of block i is a sum of 2 i - 1 branches, and their
        # variances are u_th^2 times 1, 1/2, 1/3, ...
        expected = 0.25 * sum(1 / n for n in range(1, 2 * i))
        variance = found[f"block3_{i}/attention/neuron"].variance
        np.testing.assert_allclose(variance, expected, rtol=0.1)
