"""LeNet-5: counts, conventions, properties."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qifjax
from qifjax import EulerQIFParams, LIFParams, QIFParams, nn
from tests.networks import parameter_count

NEURONS = [QIFParams(), LIFParams(), EulerQIFParams()]


def images(*shape):
    return jax.random.normal(jax.random.key(0), shape)


@pytest.fixture(scope="module")
def lenet5():
    model = nn.create("lenet5", num_classes=10)
    return model, model.init(jax.random.key(1), images(2, 28, 28, 1), QIFParams())


def test_published_counts(lenet5):
    model, variables = lenet5
    counts = {
        name: sum(leaf.size for leaf in jax.tree.leaves(part))
        for name, part in variables["params"].items()
    }
    assert counts == {"conv1": 162, "conv2": 2432, "fc1": 48120, "fc2": 1210}
    operations = nn.operations(model, (1, 28, 28, 1), QIFParams())
    assert list(operations) == [
        "conv1/conv",
        "conv1/neuron",
        "conv2/conv",
        "conv2/neuron",
        "fc1/dense",
        "fc1/neuron",
        "fc2",
    ]
    kinds = {name: layer.kind for name, layer in operations.items()}
    assert kinds["conv1/conv"] == "mac"
    assert kinds["conv2/conv"] == kinds["fc1/dense"] == kinds["fc2"] == "ac"
    synapses = [o.count for o in operations.values() if o.kind != "neuron"]
    assert synapses == [117600, 240000, 48000, 1200]
    neurons = [o.count for o in operations.values() if o.kind == "neuron"]
    assert neurons == [6 * 28 * 28, 16 * 10 * 10, 120]


def test_first_layer_of_event_frames_accumulates():
    model = nn.create("lenet5", num_classes=10)
    operations = nn.operations(model, (3, 1, 28, 28, 2), QIFParams())
    assert operations["conv1/conv"].kind == "ac"


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("train", [False, True])
def test_stem_runs_once_and_equals_the_repeated_image(lenet5, neuron, train):
    model, variables = lenet5
    x = images(3, 28, 28, 1)
    run = jax.jit(
        lambda x: model.apply(
            variables, x, neuron, train=train, mutable=["batch_stats"]
        )[0]
    )
    logits = run(x)
    assert logits.shape == (3, 10)
    repeated = jnp.broadcast_to(x, (2, *x.shape))
    np.testing.assert_allclose(run(repeated), logits, atol=1e-5)


def test_stem_convolution_sees_one_step(lenet5):
    model, variables = lenet5
    jaxpr = jax.make_jaxpr(lambda x: model.apply(variables, x, QIFParams()))(
        images(3, 28, 28, 1)
    )
    text = str(jaxpr)
    assert "f32[3,28,28,6]" in text  # conv1 over the batch alone
    assert "f32[6,10,10,16]" in text  # conv2 over two steps of it


def test_readout_is_the_mean_over_time(lenet5):
    model, variables = lenet5
    x = images(4, 3, 28, 28, 1)
    steps = model.apply(variables, x, QIFParams(), method="outputs")
    assert steps.shape == (4, 3, 10)
    logits = model.apply(variables, x, QIFParams())
    np.testing.assert_allclose(logits, np.mean(steps, axis=0), atol=1e-6)


def test_time_is_causal_in_evaluation_mode(lenet5):
    model, variables = lenet5

    def first_steps(x):
        return model.apply(variables, x, LIFParams(), method="outputs")[:2].sum()

    gradient = jax.jit(jax.grad(first_steps))(images(4, 2, 28, 28, 1))
    assert np.all(gradient[2:] == 0)
    assert np.any(gradient[:2] != 0)


def test_permuting_the_batch_permutes_the_logits(lenet5):
    model, variables = lenet5
    x, order = images(5, 28, 28, 1), np.asarray([3, 0, 4, 1, 2])
    logits = model.apply(variables, x, QIFParams())
    permuted = model.apply(variables, x[order], QIFParams())
    np.testing.assert_allclose(permuted, logits[order], atol=1e-5)


def test_one_definition_serves_a_grid_of_parameters(lenet5):
    model, variables = lenet5
    x, thresholds = images(2, 28, 28, 1), jnp.asarray([0.3, 0.5, 0.8])

    def logits(u_th):
        return model.apply(variables, x, QIFParams(u_th=u_th))

    grid = jax.jit(jax.vmap(logits))(thresholds)
    for row, u_th in zip(grid, thresholds, strict=True):
        np.testing.assert_allclose(row, logits(u_th), atol=1e-5)


def test_bfloat16_layers_have_float32_parameters_membranes_and_logits():
    model = nn.create("lenet5", num_classes=10, dtype=jnp.bfloat16)
    x = images(4, 28, 28, 1)
    variables = model.init(jax.random.key(1), x, QIFParams())
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(variables)}
    assert dtypes == {jnp.dtype("float32")}
    logits = model.apply(variables, x, QIFParams())
    assert logits.dtype == jnp.float32

    def program(**options):
        def call(x):
            return model.apply(variables, x, QIFParams(), **options)

        return str(jax.make_jaxpr(call)(x))

    training = program(train=True, mutable=["batch_stats"])
    for text in (program(), training):
        assert " bf16[4,28,28,6]" not in text  # the first convolution
        assert "bf16[2,4,28,28,6]" in text  # its spikes
        assert "f32[4,10,10,16]" in text  # the membrane behind the second
        (last,) = re.findall(r"(\w+)\[2,4,10\] = dot_general", text)
        assert last == "f32"
    # The second convolution, two columns of 16 features at once.
    second = re.compile(r"bf16\[400,32\] = dot_general")
    assert second.search(training)
    assert not second.search(program())


def test_bad_input_is_refused(lenet5):
    model, variables = lenet5
    with pytest.raises(
        ValueError, match=r"images \[B, H, W, C\].*got shape \(28, 28, 1\)"
    ):
        model.apply(variables, images(28, 28, 1), QIFParams())
    with pytest.raises(TypeError, match="floating point, got uint8"):
        model.apply(variables, jnp.zeros((1, 28, 28, 1), jnp.uint8), QIFParams())
    with pytest.raises(ValueError, match=r"at least 12 x 12 pixels, got \(8, 8\)"):
        model.apply(variables, images(1, 8, 8, 1), QIFParams())
    with pytest.raises(ValueError, match="a > 0"):
        model.apply(variables, images(1, 28, 28, 1), qifjax.QIFParams(a=-1.0))


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 51924),
        ({"padding": 0}, 34644),
        ({"pool": "max"}, 51924),
        ({"fc_norm": "tdbn"}, 51924 + 120),  # gamma and xi in place of a bias
        ({"weight_init": "pytorch"}, 51924),
        ({"width_multiplier": 0.5}, 3 * 27 + 8 * 77 + 201 * 60 + 610),
    ],
)
def test_options(options, count):
    model = nn.create("lenet5", num_classes=10, **options)
    assert parameter_count(model, (2, 28, 28, 1)) == count
    x = images(2, 28, 28, 1)
    variables = model.init(jax.random.key(0), x, QIFParams())
    assert np.all(np.isfinite(model.apply(variables, x, QIFParams())))


def test_initialisation_as_pytorch():
    model = nn.create("lenet5", num_classes=10, weight_init="pytorch")
    x = images(2, 28, 28, 1)
    params = model.init(jax.random.key(0), x, QIFParams())["params"]
    layers = [
        (params["conv2"]["conv"]["kernel"], 150),
        (params["fc1"]["dense"]["kernel"], 400),
        (params["fc1"]["dense"]["bias"], 400),
    ]
    for weights, fan_in in layers:
        bound = fan_in**-0.5
        assert abs(weights).max() <= bound
        np.testing.assert_allclose(weights.std(), bound / 3**0.5, rtol=0.1)
