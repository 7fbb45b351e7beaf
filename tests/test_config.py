"""Configurations: each one builds, each wrong value is named with what is allowed."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import config
from experiments.build import build
from experiments.config import Config, ConfigError
from qifjax import QIFParams, data, nn
from qifjax.parallel import layout
from qifjax.training import Examples, init_state, take, train_step

ROOT = Path(__file__).parent.parent

# Shape of an example, and number of classes.
DATA = {
    "digits": ((28, 28, 1), 10),
    "fashion_mnist": ((28, 28, 1), 10),
    "cifar10": ((32, 32, 3), 10),
    "cifar100": ((32, 32, 3), 100),
    "tiny_imagenet": ((64, 64, 3), 200),
    "nmnist": ((10, 34, 34, 2), 10),
    "digits_dvs": ((10, 34, 34, 2), 10),
    "cifar10_dvs": ((10, 48, 48, 2), 10),
    "n_caltech101": ((10, 48, 48, 2), 101),
    "n_cars": ((10, 48, 48, 2), 2),
    "dvs128_gesture": ((10, 128, 128, 2), 11),
}


def stand_in(name, data_dir, split):
    """As many examples as the largest batch needs, which take no memory."""
    del data_dir
    shape, classes = DATA[name]
    inputs = np.broadcast_to(np.uint8(7), (128, *shape))
    labels = np.zeros(128, np.int32)
    names = tuple(map(str, range(classes)))
    return data.Dataset(
        inputs, labels, names, data.Description(name, split, "none", "none", "none")
    )


def slow_if_deep(names):
    """Marks those whose tracing alone takes five seconds and more."""
    deep = ("cifar10_resnet34", "tiny_imagenet_meta_spikeformer")
    return [
        pytest.param(name, marks=[pytest.mark.slow] * (name in deep)) for name in names
    ]


@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("name", slow_if_deep(config.names()))
def test_every_config_builds_and_takes_a_training_step(name, monkeypatch):
    """At its full width and batch size, without computing anything."""
    loaded = config.load(name)
    loaded.check()
    assert loaded.name == name
    monkeypatch.setattr(data, "load", stand_in)
    # Tracing is all that takes time here; test_inspect and others count operations.
    monkeypatch.setattr(nn, "operations", lambda *_: {})
    built = build(loaded, Path("nowhere"), layout())
    examples = Examples(built.training.inputs, built.training.labels)

    def step():
        batch = take(examples, jnp.arange(loaded.batch_size))
        state = init_state(built.task, built.hparams, jax.random.key(0), batch.inputs)
        return state, train_step(built.task, state, batch, built.hparams)

    before, (after, totals) = jax.eval_shape(step)
    assert jax.tree.map(jnp.shape, before) == jax.tree.map(jnp.shape, after)
    assert totals.loss.shape == ()
    shape, _ = DATA[loaded.dataset]
    assert built.timesteps == (shape[0] if len(shape) == 4 else loaded.timesteps)


@pytest.mark.parametrize("name", config.names())
def test_every_config_has_a_smoke_variant(name):
    """Narrow, short, and on data that need no download; test_train runs them."""
    full, smoke = config.load(name), config.load(f"{name}_smoke")
    smoke.check()
    assert smoke.name == f"{name}_smoke"
    assert smoke.dataset in ("digits", "digits_dvs")
    assert len(DATA[smoke.dataset][0]) == len(DATA[full.dataset][0])
    assert (smoke.epochs, smoke.batch_size, smoke.limit) == (2, 32, 128)
    assert smoke.model_options == full.model_options | {"width_multiplier": 0.125}
    for same in ("model", "neuron", "optimizer", "timesteps", "loss"):
        assert getattr(smoke, same) == getattr(full, same)


@pytest.mark.parametrize("name", config.names())
def test_every_config_file_says_what_it_is(name):
    module = __import__(f"experiments.configs.{name}", fromlist=["config"])
    for entry in ("Paper:", "Command:", "Time:", "Measured:"):
        assert f"\n{entry} " in module.__doc__, entry
    assert name in module.__doc__ or "make demo" in module.__doc__
    measured = module.__doc__.split("Measured:")[1].split()
    assert measured == ["not", "yet"] or (ROOT / measured[0]).exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": -1}, "--epochs must be at least 0, got -1"),
        ({"timesteps": 0}, "--timesteps must be at least 1, got 0"),
        ({"batch_size": 1}, "--batch-size must be at least 2, got 1"),
        ({"learning_rate": 0.0}, "--learning-rate must be > 0, got 0.0"),
        ({"learning_rate": float("nan")}, "--learning-rate must be > 0, got nan"),
        ({"weight_decay": -1e-4}, "--weight-decay must be at least 0"),
        ({"dataset": "mnist"}, "unknown --dataset 'mnist' .known: .*digits"),
        ({"optimizer": "lion"}, "unknown --optimizer 'lion' .known: adam, sgd"),
        ({"precision": "float16"}, "unknown --precision 'float16' .known: float32, bf"),
        ({"warmup_epochs": 11}, "--warmup-epochs must be at most --epochs 10, got 11"),
        ({"label_smoothing": 1.0}, "--label-smoothing must be at least 0 and below 1"),
        ({"average": -0.1}, "--average must be at least 0 and below 1, got -0.1"),
        ({"accumulate": 0}, "--accumulate must be at least 1, got 0"),
        ({"augment": "mixup"}, "unknown --augment 'mixup' .known: none, cifar10"),
        ({"model": "lenet"}, "unknown network 'lenet', did you mean 'lenet5'"),
        ({"model_options": {"pol": 1}}, "unknown option of lenet5 'pol'"),
        (
            {"model_options": {"remat": "layer"}},
            "cannot set remat, which is for --remat",
        ),
        ({"qif": QIFParams(a=-1.0)}, "QIFParams needs a > 0, got a=-1"),
    ],
    ids=str,
)
def test_wrong_values_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(Config(), **changes).check()


def test_only_the_chosen_neuron_is_checked():
    dataclasses.replace(Config(), neuron="lif", qif=QIFParams(a=-1.0)).check()


def test_lif_may_have_a_learning_rate_of_its_own():
    both = dataclasses.replace(Config(), learning_rate=0.1, lif_learning_rate=0.001)
    assert both.neuron_learning_rate == 0.1
    assert dataclasses.replace(both, neuron="lif").neuron_learning_rate == 0.001
    assert dataclasses.replace(Config(), neuron="lif").neuron_learning_rate == 0.001


def test_unknown_config_lists_what_there_is():
    with pytest.raises(ConfigError, match=r"did you mean 'digits_lenet5'.*known: "):
        config.load("digits_lenet")
    with pytest.raises(ConfigError, match="unknown config 'digits', .*NAME_smoke"):
        config.load("digits_smoke")


def test_json_keeps_every_value():
    plain = json.loads(json.dumps(Config().to_json()))
    assert set(plain) == {f.name for f in dataclasses.fields(Config)}
    assert plain["qif"] == {"a": 0.25, "u_rest": 0.0, "u_c": 0.5, "u_th": 0.5}
