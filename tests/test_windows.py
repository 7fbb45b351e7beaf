"""Windows other than the neuron's own: by hand, measured, and in a network."""

from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

import qifjax
from qifjax import EulerQIFParams, LIFParams, QIFParams, nn, windows
from tests import reference


def test_by_hand():
    # mu = .0625, sigma^2 = .26171875
    sigma = 0.26171875**0.5
    centred, unit = windows.centred(QIFParams()), windows.unit_area(QIFParams())
    np.testing.assert_allclose(centred, (0.5 - sigma, 0.5 + sigma, 1.0))
    np.testing.assert_allclose(
        unit, (0.0625 - sigma, 0.0625 + sigma, 0.5 / sigma), rtol=1e-6
    )


@pytest.mark.parametrize("change", [windows.centred, windows.unit_area])
@pytest.mark.parametrize("neuron", [LIFParams(alpha=0.5), EulerQIFParams()], ids=str)
def test_the_rectangle_is_centred_and_of_unit_area_already(change, neuron):
    assert change(neuron) == qifjax.window(neuron)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"'wide' \(known: analytic, centred, unit_ar"):
        nn.named_window("wide")


@pytest.mark.parametrize("name", ["centred", "unit_area", "empirical"])
def test_gradient_is_the_height_inside_and_zero_outside(name):
    """One population, one step: the gradient of a spike is its window."""

    class Population(nn.SpikingNetwork):
        @linen.compact
        def layers(self, x, context):
            fire, _ = context.neurons("neuron")
            return fire(x).reshape(*x.shape[:2], -1)

    model, neuron = Population(num_classes=9, timesteps=1), QIFParams()
    x = jnp.linspace(-1.5, 1.5, 9).reshape(1, 3, 3, 1)
    variables = model.init(jax.random.key(0), x, neuron)

    def total(x):
        spikes, _ = model.apply(
            variables,
            x,
            neuron,
            train=True,
            window=nn.named_window(name),
            mutable=["batch_stats"],
        )
        return jnp.sum(spikes)

    lower, upper, height = {
        "centred": windows.centred(neuron),
        "unit_area": windows.unit_area(neuron),
        "empirical": (float(x.mean() - x.std()), float(x.mean() + x.std()), 1.0),
    }[name]
    expected = np.where((lower <= x) & (x <= upper), height, 0)
    assert 0 < np.count_nonzero(expected) < 9
    np.testing.assert_allclose(jax.grad(total)(x), expected, rtol=1e-6)


def test_measured_moments_are_a_plain_mean_and_then_a_moving_one():
    measure, neuron = nn.MeasuredWindow(), QIFParams()
    rng = np.random.default_rng(0)
    batches = rng.normal(0.2, 0.7, (12, 3, 40)).astype(np.float32)
    state = measure.init(jax.random.key(0), batches[0], neuron, True)
    mean = square = 0.0
    for number, currents in enumerate(batches):
        window, state = measure.apply(
            state, currents, neuron, True, mutable=["batch_stats"]
        )
        u, _, _ = reference.qif(currents, *neuron)
        keep = min(0.9, number / (number + 1))
        mean = keep * mean + (1 - keep) * u.mean()
        square = keep * square + (1 - keep) * np.square(u).mean()
        deviation = (square - mean**2) ** 0.5
        np.testing.assert_allclose(
            window, (mean - deviation, mean + deviation, 1.0), rtol=1e-5
        )
    later = measure.apply(state, 5 * batches[0], neuron, False)
    np.testing.assert_array_equal(later, window)


def lenet(**options):
    model = nn.create(
        "lenet5", num_classes=3, timesteps=2, width_multiplier=0.5, **options
    )
    x = jax.random.normal(jax.random.key(1), (4, 28, 28, 1))
    return model, x


@pytest.mark.parametrize(
    "options", [{}, {"learned": True}, {"remat": "layer"}], ids=str
)
def test_a_window_changes_gradients_but_no_output(options):
    model, x = lenet(**options)
    neuron = QIFParams()
    variables = model.init(jax.random.key(0), x, neuron, window="empirical")
    stats = variables["batch_stats"]
    assert set(stats["conv1"]["neuron_window"]) == {"mean", "square", "seen"}

    def run(params, window):
        logits, updates = model.apply(
            {"params": params, "batch_stats": stats},
            x,
            neuron,
            train=True,
            window=window,
            mutable=["batch_stats"],
        )
        return jnp.sum(jnp.sin(logits)), (logits, updates)

    found = {}
    for name in ("analytic", "empirical", "centred"):
        run_it = jax.jit(jax.grad(run, has_aux=True), static_argnums=1)
        found[name] = run_it(variables["params"], nn.named_window(name))
    kernels = {
        name: gradient["conv1"]["conv"]["kernel"]
        for name, (gradient, _) in found.items()
    }
    logits = {name: logits for name, (_, (logits, _)) in found.items()}
    for name in ("empirical", "centred"):
        np.testing.assert_array_equal(logits[name], logits["analytic"])
        assert np.abs(kernels[name] - kernels["analytic"]).max() > 1e-6
    seen = found["empirical"][1][1]["batch_stats"]["fc1"]["neuron_window"]["seen"]
    assert seen == 1


def test_devices_share_the_moments():
    measure, neuron = nn.MeasuredWindow("batch"), QIFParams()
    currents = jax.random.normal(jax.random.key(0), (3, 8, 5))
    start = {"mean": jnp.float32(0), "square": jnp.float32(1), "seen": jnp.float32(0)}

    def run(currents):
        return measure.apply(
            {"batch_stats": start}, currents, neuron, True, mutable=["batch_stats"]
        )[0]

    halves = jnp.stack([currents[:, :4], currents[:, 4:]])
    devices = jax.local_devices()[:2]
    shared = jax.pmap(run, axis_name="batch", devices=devices)(halves)
    alone = nn.MeasuredWindow().apply(
        {"batch_stats": start}, currents, neuron, True, mutable=["batch_stats"]
    )[0]
    for field, expected in zip(shared, alone, strict=True):
        np.testing.assert_allclose(np.asarray(field), np.float32(expected), rtol=1e-6)


def test_evaluation_without_measured_moments_is_refused():
    model, x = lenet()
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), x, QIFParams()))
    with pytest.raises(ValueError, match="moments that were measured in training"):
        jax.eval_shape(
            lambda v: model.apply(v, x, QIFParams(), window="empirical"), variables
        )


@pytest.mark.parametrize("fc_norm", ["none", "tdbn"])
@pytest.mark.parametrize("name", get_args(nn.WindowName))
def test_training_keeps_the_structure_of_the_state(name, fc_norm):
    model, x = lenet(fc_norm=fc_norm)
    network = nn.pure(model, nn.named_window(name))
    params, state = network.init(jax.random.key(0), x, QIFParams())
    _, trained = jax.eval_shape(
        network.train, params, state, x, QIFParams(), jax.random.key(1)
    )
    assert jax.tree.structure(trained) == jax.tree.structure(state)
