"""Configurations: each one builds, each wrong value is named with what is allowed."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import pytest

from experiments import config
from experiments.build import network
from experiments.config import Config, ConfigError
from qifjax import QIFParams

SHAPES = {
    "digits": (28, 28, 1),
    "fashion_mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
    "cifar100": (32, 32, 3),
    "tiny_imagenet": (64, 64, 3),
    "nmnist": (10, 34, 34, 2),
    "digits_dvs": (10, 34, 34, 2),
    "cifar10_dvs": (10, 48, 48, 2),
    "n_caltech101": (10, 48, 48, 2),
    "n_cars": (10, 48, 48, 2),
    "dvs128_gesture": (10, 128, 128, 2),
}


@pytest.mark.parametrize("name", config.names())
def test_every_config_builds_its_network(name):
    loaded = config.load(name)
    loaded.check()
    assert loaded.name == name
    assert Config(
        **{f.name: getattr(loaded, f.name) for f in dataclasses.fields(Config)}
    )
    shape = SHAPES[loaded.dataset]
    side = loaded.resize or shape[-2]
    shape = (*shape[:-3], side, side, shape[-1])
    batch = (shape[0], 2, *shape[1:]) if len(shape) == 4 else (2, *shape)
    image = jax.ShapeDtypeStruct(batch, jnp.float32)
    model = network(loaded, num_classes=10)
    variables = jax.eval_shape(
        lambda x: model.init(jax.random.key(0), x, loaded.neuron_params), image
    )
    assert variables["params"]


@pytest.mark.parametrize("name", config.names())
def test_every_config_file_says_what_it_is(name):
    module = __import__(f"experiments.configs.{name}", fromlist=["config"])
    for entry in ("Paper:", "Command:", "Time:"):
        assert entry in module.__doc__, entry


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


def test_json_keeps_every_value():
    plain = json.loads(json.dumps(Config().to_json()))
    assert set(plain) == {f.name for f in dataclasses.fields(Config)}
    assert plain["qif"] == {"a": 0.25, "u_rest": 0.0, "u_c": 0.5, "u_th": 0.5}
