"""The compiled programs of a run, which take their data from a feed."""

import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.build import Experiment
from experiments.feed import Feed
from qifjax import nn
from qifjax.evaluation import INSPECTED, Evaluation, evaluate, inspect
from qifjax.training import (
    Examples,
    Totals,
    TrainState,
    epoch_order,
    train_steps,
)


class Programs:
    """Compiled training and evaluation.

    Attributes:
      initial: the state at step 0.
      compile_seconds: time that compilation took.
    """

    def __init__(self, experiment: Experiment, seed: int, feed: Feed):
        self._layout = layout = experiment.layout
        self._task, self._hparams = task, hparams = experiment.task, experiment.hparams
        self._feed = feed
        self.initial = state = experiment.initial(seed)
        few = experiment.training.spread(INSPECTED)
        self._inspected = layout.spread(Examples.of(few))

        start = time.perf_counter()
        number = len(experiment.training)
        order = functools.partial(
            epoch_order, number=number, batch_size=task.batch_size
        )
        self._order = jax.jit(order)
        examples, places = feed.training(state, self._order(state), 1)
        self._train = layout.compile(
            functools.partial(train_steps, task),
            (state, examples, places, hparams, jnp.int32(1)),
            fixed=1,
            donate=True,
            options=experiment.compiler_options,
        )
        self._inspect = layout.compile(
            functools.partial(inspect, task),
            (state.params, state.model_state, self._inspected, hparams.neuron),
            fixed=2,
        )
        self._evaluate: dict[int, Callable[..., Evaluation]] = {}
        self.compile_seconds = time.perf_counter() - start
        # The first part compiles now, so that nothing fails after an epoch.
        self._scoring(state, *next(iter(feed.evaluation())))

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
        examples, places = self._feed.training(state, order, steps)
        state, totals = self._train(
            state, examples, places, self._hparams, jnp.int32(steps)
        )
        return state, jax.device_get(totals)

    def evaluate(self, state: TrainState) -> Evaluation:
        """Scores a state on the whole evaluation set; the means are on the host."""
        parts, sizes = [], []
        for number, examples in self._feed.evaluation():
            score, arguments = self._scoring(state, number, examples)
            parts.append(jax.device_get(score(*arguments)))
            sizes.append(number)

        def mean(*leaves):
            wide = np.asarray(leaves, np.float64)
            return np.average(wide, 0, sizes).astype(leaves[0].dtype)

        scores: Evaluation = jax.tree.map(mean, *parts)
        return scores

    def _scoring(
        self, state: TrainState, number: int, examples: Examples
    ) -> tuple[Callable[..., Evaluation], tuple[Any, ...]]:
        """The program that scores so many examples, and its arguments."""
        neuron = self._hparams.neuron
        arguments = state.evaluated, state.model_state, examples, neuron
        if number not in self._evaluate:
            start = time.perf_counter()
            function = functools.partial(evaluate, self._task)
            self._evaluate[number] = self._layout.compile(function, arguments, fixed=2)
            self.compile_seconds += time.perf_counter() - start
        return self._evaluate[number], arguments

    def inspect(self, state: TrainState) -> dict[str, nn.PopulationStatistics]:
        """What the populations do for a fixed batch of the training set, on the host.

        The parameters are those that are trained, not their average. See
        :func:`qifjax.evaluation.inspect` for the batch.
        """
        statistics: dict[str, nn.PopulationStatistics] = self._inspect(
            state.params, state.model_state, self._inspected, self._hparams.neuron
        )
        return jax.device_get(statistics)
