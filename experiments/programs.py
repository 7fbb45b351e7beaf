"""The compiled programs of a run, together with the data that they work on."""

import functools
import time

import jax
import jax.numpy as jnp

from experiments.build import Experiment
from qifjax import nn
from qifjax.evaluation import Evaluation, evaluate, inspect
from qifjax.training import (
    Examples,
    Totals,
    TrainState,
    epoch_order,
    train_steps,
)


class Programs:
    """Compiled training and evaluation, with both data sets on the device.

    Attributes:
      initial: the state at step 0.
      compile_seconds: time that compilation took.
    """

    def __init__(self, experiment: Experiment, seed: int):
        layout, hparams = experiment.layout, experiment.hparams
        task = experiment.task
        training = Examples.of(experiment.training)
        evaluation = Examples.of(experiment.evaluation)
        self._hparams = hparams
        self.initial = experiment.initial(seed)
        self._training, self._evaluation = layout.spread((training, evaluation))

        start = time.perf_counter()
        number = len(experiment.training)
        order = functools.partial(
            epoch_order, number=number, batch_size=task.batch_size
        )
        self._order = jax.jit(order)
        self._train = layout.compile(
            functools.partial(train_steps, task),
            (
                self.initial,
                self._training,
                self._order(self.initial),
                hparams,
                jnp.int32(1),
            ),
            fixed=1,
            donate=True,
            options=experiment.compiler_options,
        )
        state = self.initial
        self._evaluate = layout.compile(
            functools.partial(evaluate, task),
            (state.evaluated, state.model_state, self._evaluation, hparams.neuron),
            fixed=2,
        )
        self._inspect = layout.compile(
            functools.partial(inspect, task),
            (state.params, state.model_state, self._training, hparams.neuron),
            fixed=2,
        )
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
        state, totals = self._train(
            state, self._training, order, self._hparams, jnp.int32(steps)
        )
        return state, jax.device_get(totals)

    def evaluate(self, state: TrainState) -> Evaluation:
        """Scores a state on the whole evaluation set; the means are on the host."""
        scores: Evaluation = self._evaluate(
            state.evaluated, state.model_state, self._evaluation, self._hparams.neuron
        )
        return jax.device_get(scores)

    def inspect(self, state: TrainState) -> dict[str, nn.PopulationStatistics]:
        """What the populations do for a fixed batch of the training set, on the host.

        The parameters are those that are trained, not their average. See
        :func:`qifjax.evaluation.inspect` for the batch.
        """
        statistics: dict[str, nn.PopulationStatistics] = self._inspect(
            state.params, state.model_state, self._training, self._hparams.neuron
        )
        return jax.device_get(statistics)
