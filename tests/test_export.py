"""Nothing in a training step is tied to one kind of device."""

import jax
import jax.numpy as jnp
import pytest

from qifjax import LIFParams, QIFParams, nn
from qifjax.data import Batch
from qifjax.optimizers import Optimizer
from qifjax.training import HParams, Task, init_state, train_step

pytestmark = pytest.mark.usefixtures("standard_promotion")


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize(
    ("name", "shape", "neuron", "dtype"),
    [
        ("lenet5", (28, 28, 1), LIFParams(), jnp.float32),
        ("resnet19", (32, 32, 3), QIFParams(), jnp.bfloat16),
    ],
)
def test_a_training_step_exports(name, shape, neuron, dtype, platform):
    model = nn.create(name, num_classes=10, dtype=dtype)
    task = Task(
        nn.pure(model), Optimizer("sgd", 100), lambda x: x.astype(jnp.float32), 8
    )
    hparams = jax.tree.map(jnp.float32, HParams(neuron, 0.1, 1e-4))
    inputs = jax.ShapeDtypeStruct((8, *shape), jnp.uint8)
    labels = jax.ShapeDtypeStruct((8,), jnp.int32)
    mask = jax.ShapeDtypeStruct((8,), jnp.float32)

    def step(seed, inputs, labels, mask):
        state = init_state(task, hparams, jax.random.key(seed), inputs)
        state, totals = train_step(task, state, Batch(inputs, labels, mask), hparams)
        return state.params, totals

    seed = jax.ShapeDtypeStruct((), jnp.uint32)
    exported = jax.export.export(jax.jit(step), platforms=[platform])(
        seed, inputs, labels, mask
    )
    assert exported.platforms == (platform,)
    assert exported.nr_devices == 1
    assert len(exported.mlir_module_serialized) > 1000
