"""Steps to be timed or weighed: they train, and what they hold is known before."""

import jax
import numpy as np
import pytest

from experiments.training_step import TrainingStep
from qifjax import LIFParams, nn

pytestmark = pytest.mark.usefixtures("standard_promotion")


@pytest.mark.parametrize("shape", [(28, 28, 1), (3, 28, 28, 2)])
def test_every_call_is_one_step(shape):
    model = nn.create("lenet5", num_classes=10, timesteps=3)
    step = TrainingStep(model, LIFParams(), 2, shape)
    assert step.memory().temporary > 2 * 4 * np.prod(shape)
    step.take()
    before, _ = jax.device_get(step._held)
    step.take()
    after, _ = step._held
    assert (int(before.step), int(after.step)) == (1, 2)
    moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), before.params, after.params)
    assert all(jax.tree.leaves(moved))
