"""jit, pmap and a mesh over devices compute the same."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import QIFParams, nn
from qifjax.evaluation import evaluate, inspect
from qifjax.optimizers import Optimizer
from qifjax.parallel import layout
from qifjax.training import (
    Examples,
    HParams,
    Task,
    epoch_order,
    init_state,
    take,
    train_steps,
)

pytestmark = pytest.mark.usefixtures("standard_promotion")


def problem(mode):
    placed = layout(mode)
    model = nn.create("lenet5", num_classes=4, axis_name=placed.axis_name)
    rng = np.random.default_rng(0)
    examples = Examples(
        jnp.asarray(rng.integers(0, 256, (22, 16, 16, 1)), jnp.uint8),
        jnp.asarray(rng.integers(0, 4, 22), jnp.int32),
    )
    optimizer = Optimizer("sgd", total_steps=8)
    task = Task(nn.pure(model), optimizer, lambda x: x / jnp.float32(128) - 1, 8)
    hparams = jax.tree.map(jnp.float32, HParams(QIFParams(), 0.1, 1e-4))
    state = init_state(
        task, hparams, jax.random.key(0), take(examples, jnp.arange(2)).inputs
    )
    return placed, placed.divide(task), examples, hparams, state


def trained(mode, steps):
    placed, task, examples, hparams, state = problem(mode)
    spread = placed.spread(examples)
    order = epoch_order(state, 22, 8)
    arguments = (state, spread, order, hparams, jnp.int32(steps))
    train = placed.compile(
        functools.partial(train_steps, task), arguments, fixed=1, donate=True
    )
    state, totals = train(*arguments)
    scored = (state.params, state.model_state, spread, hparams.neuron)
    score = placed.compile(functools.partial(evaluate, task), scored, fixed=2)
    look = placed.compile(functools.partial(inspect, task), scored, fixed=2)
    scores = score(*scored), look(*scored)
    return jax.device_get((state.params, state.model_state, totals, scores))


@pytest.fixture(scope="module")
def single():
    with jax.numpy_dtype_promotion("standard"):
        return trained("jit", 2)


@pytest.mark.parametrize("mode", ["pmap", "mesh"])
def test_equals_jit(mode, single):
    assert len(layout(mode).devices) == 2
    for mine, theirs in zip(
        *map(jax.tree.leaves, (trained(mode, 2), single)), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="9 devices asked for, but there are 2"):
        layout("pmap", 9)
    with pytest.raises(ValueError, match="jit runs on one device, got 2"):
        layout("jit", 2)
    _, task, *_ = problem("jit")
    with pytest.raises(
        ValueError, match=r"batch of 9 cannot .* 2 devices.*multiple of 2"
    ):
        layout("pmap").divide(dataclasses.replace(task, batch_size=9))


def test_copies_of_batches_are_compiled_once(caplog):
    place = layout("pmap")
    with jax.log_compiles():
        place.spread(np.zeros((3, 5)))
        assert "Compiling" in caplog.text
        caplog.clear()
        place.spread(np.ones((3, 5)))
        assert "Compiling" not in caplog.text
