"""Training steps of an initial network on one random batch, to be timed or weighed."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from qifjax import NeuronParams, nn
from qifjax.memory import Needed, needed
from qifjax.optimizers import Optimizer
from qifjax.training import Examples, HParams, Task, init_state, take, train_steps

_LEARNING_RATE = 1e-3
# It decays over more steps than any measurement takes.
_STEPS = 1_000_000


class TrainingStep:
    """The compiled program of a training step with Adam; made from shapes alone.

    Args:
      model: the network.
      neuron: parameters of its neurons.
      batch: examples.
      shape: of an example: ``(H, W, C)``, or ``(T, H, W, C)`` of event frames.
    """

    def __init__(
        self,
        model: nn.SpikingNetwork,
        neuron: NeuronParams,
        batch: int,
        shape: tuple[int, ...],
    ):
        self._task = Task(
            network=nn.pure(model),
            optimizer=Optimizer("adam", total_steps=_STEPS),
            preprocess=lambda inputs: inputs,
            batch_size=batch,
        )
        hparams = HParams(neuron, _LEARNING_RATE, 0.0)
        self._hparams = jax.tree.map(jnp.float32, hparams)
        self._shape = (batch, *shape)
        self._held: tuple[Any, Examples] | None = None
        state, examples = jax.eval_shape(self._start)
        self._program = (
            jax.jit(
                functools.partial(train_steps, self._task),
                donate_argnums=0,
                compiler_options=nn.compiler_options(model.remat),
            )
            .lower(state, examples, self._order(), self._hparams, jnp.int32(1))
            .compile()
        )

    def memory(self) -> Needed | None:
        """What XLA plans for a step; None where a backend does not say."""
        return needed(self._program)

    def take(self) -> None:
        """Takes a step, and waits until it is done."""
        state, examples = self._held or jax.jit(self._start)()
        order, one = self._order(), jnp.int32(1)
        state, _ = self._program(state, examples, order, self._hparams, one)
        self._held = jax.block_until_ready((state, examples))

    def _start(self) -> tuple[Any, Examples]:
        inputs = jax.random.uniform(jax.random.key(0), self._shape)
        examples = Examples(inputs, jnp.zeros(self._shape[0], jnp.int32))
        two = take(examples, jnp.zeros(2, jnp.int32)).inputs
        return init_state(self._task, self._hparams, jax.random.key(1), two), examples

    def _order(self) -> jax.Array:
        return jnp.arange(self._shape[0])
