"""The compiled programs of a run, together with the data that they work on."""

import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

from experiments.build import Experiment
from qifjax.data import Dataset
from qifjax.evaluation import Evaluation, evaluate
from qifjax.training import (
    Examples,
    Totals,
    TrainState,
    epoch_order,
    init_state,
    take,
    train_steps,
)


class Programs:
    """Compiled training and evaluation, with both data sets on the device.

    Attributes:
      initial: the state at step 0.
      compile_seconds: time that compilation took.
    """

    def __init__(self, experiment: Experiment, seed: int):
        task, hparams = experiment.task, experiment.hparams
        self._training = _on_device(experiment.training)
        self._evaluation = _on_device(experiment.evaluation)
        self._hparams = hparams
        # XLA on CPU is slow inside loops (see train_steps): one step a program there.
        self._one_by_one = jax.default_backend() == "cpu"
        two = take(self._training, jnp.arange(2)).inputs
        key = jax.random.key(seed)
        self.initial = init_state(task, hparams, key, two)

        start = time.perf_counter()
        number = len(experiment.training)
        order = functools.partial(
            epoch_order, number=number, batch_size=task.batch_size
        )
        self._order = jax.jit(order)
        train = functools.partial(train_steps, task)
        if self._one_by_one:
            train = functools.partial(train, steps=1)
        arguments = (self.initial, self._training, self._order(self.initial), hparams)
        traced = () if self._one_by_one else (jnp.int32(1),)
        train_jit = jax.jit(train, donate_argnums=0)
        self._train = train_jit.lower(*arguments, *traced).compile()
        score_jit = jax.jit(functools.partial(evaluate, task))
        self._evaluate = score_jit.lower(
            self.initial.params,
            self.initial.model_state,
            self._evaluation,
            hparams.neuron,
        ).compile()
        self.compile_seconds = time.perf_counter() - start

    def order(self, state: TrainState) -> jax.Array:
        """The order of the examples in the epoch of a state, on the device."""
        return self._order(state)

    def train(
        self, state: TrainState, order: jax.Array, steps: int
    ) -> tuple[TrainState, Totals]:
        """Takes some steps of one epoch.

        Args:
          state: state before them; its memory is reused.
          order: order of the epoch.
          steps: how many.

        Returns:
          ``(state, totals)``: the state after them, and their sums, on the host.
        """
        arguments = (self._training, order, self._hparams)
        if not self._one_by_one:
            state, sums = self._train(state, *arguments, jnp.int32(steps))
            return state, jax.device_get(sums)
        each = []
        for _ in range(steps):
            state, sums = self._train(state, *arguments)
            each.append(sums)
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *jax.device_get(each))
        bad = stacked.bad_step[stacked.bad_step >= 0]
        totals = Totals(
            *(leaf.sum() for leaf in stacked[:3]), bad[0] if bad.size else -1
        )
        return state, totals

    def evaluate(self, state: TrainState) -> Evaluation:
        """Scores a state on the whole evaluation set; the means are on the host."""
        scores: Evaluation = self._evaluate(
            state.params, state.model_state, self._evaluation, self._hparams.neuron
        )
        return jax.device_get(scores)


def _on_device(dataset: Dataset) -> Examples:
    return Examples(jnp.asarray(dataset.inputs), jnp.asarray(dataset.labels))
