"""Training as pure functions: one step, and many steps in one program.

Nothing here knows Flax: a network is the three pure functions of :class:`Network`. What
may differ between cells of a grid is in :class:`HParams`, as arrays; what is compiled
into the program is in :class:`Task`.

All randomness follows from the state's key and the step number: the key never changes,
the step is also the position in the data. So a restored state continues exactly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from qifjax.data.dataset import Batch, Dataset
from qifjax.losses import Loss, cross_entropy
from qifjax.neurons import NeuronParams
from qifjax.optimizers import Optimizer
from qifjax.surrogate import Scalar

PyTree = Any


class HParams(NamedTuple):
    """What may vary between the cells of a grid, as numbers or arrays.

    Attributes:
      neuron: neuron parameters.
      learning_rate: largest learning rate of the schedule.
      weight_decay: weight decay, as the optimizer defines it.
    """

    neuron: NeuronParams
    learning_rate: Scalar
    weight_decay: Scalar


class TrainState(NamedTuple):
    """Everything that training carries from step to step.

    Attributes:
      step: number of steps taken, int32 ``[]``; also the position in the data.
      params: what the optimizer changes.
      model_state: what the network changes itself (batch statistics).
      opt_state: state of the optimizer.
      key: PRNG key of the run; constant.
      average: exponential moving average of ``params``, or None where none is kept.
    """

    step: jax.Array
    params: PyTree
    model_state: PyTree
    opt_state: PyTree
    key: jax.Array
    average: PyTree = None

    @property
    def evaluated(self) -> PyTree:
        """The parameters to evaluate: the average, where there is one."""
        return self.params if self.average is None else self.average


class Examples(NamedTuple):
    """A whole data set on the device.

    Attributes:
      inputs: uint8 images ``[N, H, W, C]`` or event frames ``[N, T, H, W, 2]``.
      labels: int32 ``[N]``.
    """

    inputs: jax.Array
    labels: jax.Array

    @classmethod
    def of(cls, dataset: Dataset) -> "Examples":
        """The examples of a data set of the host, on the default device."""
        return cls(jnp.asarray(dataset.inputs), jnp.asarray(dataset.labels))


class Network(NamedTuple):
    """A network as pure functions.

    Attributes:
      init: ``(key, inputs, neuron) -> (params, model_state)``.
      train: ``(params, model_state, inputs, neuron, key) -> (outputs, model_state)``
        with the last layer at every step, ``[T, B, classes]``.
      evaluate: ``(params, model_state, inputs, neuron) -> (outputs, activity)``; every
        leaf of ``activity`` has the batch as its first axis.
      inspect: ``(params, model_state, inputs, neuron) -> statistics`` of each
        population over the batch, by name, normalised as in training.
    """

    init: Callable[..., tuple[PyTree, PyTree]]
    train: Callable[..., tuple[jax.Array, PyTree]]
    evaluate: Callable[..., tuple[jax.Array, PyTree]]
    inspect: Callable[..., Mapping[str, Any]]


@dataclass(frozen=True)
class Task:
    """What is compiled into the training program.

    Attributes:
      network: the network.
      optimizer: how gradients become updates.
      preprocess: uint8 inputs to floating point inputs of the network.
      batch_size: examples a step.
      augment: ``(key, inputs) -> inputs`` on uint8 inputs of a batch, or None.
      loss: one of :data:`qifjax.losses.LOSSES`, or alike.
      label_smoothing: share of the target that is spread over all classes in training.
      average: weight of the old average of the parameters; 0 keeps none.
      axis_name: pmap axis over which each batch is divided, if any.
      place: divides a batch over the devices of a mesh, or None.
    """

    network: Network
    optimizer: Optimizer
    preprocess: Callable[[jax.Array], jax.Array]
    batch_size: int
    augment: Callable[[jax.Array, jax.Array], jax.Array] | None = None
    loss: Loss = cross_entropy
    label_smoothing: float = 0.0
    average: float = 0.0
    axis_name: str | None = None
    place: Callable[[Batch], Batch] | None = None

    def share(self, chosen: jax.Array) -> jax.Array:
        """The part of a batch's indices ``[B]`` that this device works on."""
        if self.axis_name is None:
            return chosen
        size = len(chosen) // jax.lax.axis_size(self.axis_name)
        start = jax.lax.axis_index(self.axis_name) * size
        return jax.lax.dynamic_slice_in_dim(chosen, start, size)

    def batch(self, examples: "Examples", chosen: jax.Array) -> Batch:
        """The chosen examples, divided over the devices of a mesh if there is one."""
        batch = take(examples, chosen)
        return batch if self.place is None else self.place(batch)

    def mean(self, tree: PyTree) -> PyTree:
        """The mean over the devices that share a batch."""
        return tree if self.axis_name is None else jax.lax.pmean(tree, self.axis_name)

    def sum(self, tree: PyTree) -> PyTree:
        """The sum over the devices that share a batch."""
        return tree if self.axis_name is None else jax.lax.psum(tree, self.axis_name)


class Totals(NamedTuple):
    """Sums over some training steps.

    Attributes:
      loss: sum of the losses of all examples, float32 ``[]``.
      correct: number of examples classified correctly, float32 ``[]``.
      examples: number of examples, float32 ``[]``.
      gradient_norm: sum over the steps of the norm of the gradient, float32 ``[]``.
      bad_step: first step whose loss, gradient or new model state was not finite, int32
        ``[]``; -1 if there is none. The loss alone would not tell: a neuron answers NaN
        with silence.
    """

    loss: jax.Array
    correct: jax.Array
    examples: jax.Array
    gradient_norm: jax.Array
    bad_step: jax.Array

    @classmethod
    def zero(cls) -> "Totals":
        """The sums over no step."""
        nothing = jnp.float32(0)
        return cls(nothing, nothing, nothing, nothing, jnp.int32(-1))

    def add(self, new: "Totals") -> "Totals":
        """The sums over these steps and the ones after them."""
        return Totals(
            self.loss + new.loss,
            self.correct + new.correct,
            self.examples + new.examples,
            self.gradient_norm + new.gradient_norm,
            jnp.where(self.bad_step < 0, new.bad_step, self.bad_step),
        )


def init_state(
    task: Task, hparams: HParams, key: jax.Array, inputs: jax.Array
) -> TrainState:
    """The state before the first step.

    Args:
      task: what to train.
      hparams: hyper-parameters.
      key: PRNG key of the run.
      inputs: uint8 inputs of a batch, for their shape alone.

    Returns:
      The state at step 0.
    """
    init_key, run_key = jax.random.split(key)
    prepared = task.preprocess(inputs)
    params, model_state = task.network.init(init_key, prepared, hparams.neuron)
    opt_state = _transformation(task, hparams).init(params)
    average = jax.tree.map(jnp.copy, params) if task.average else None
    return TrainState(jnp.int32(0), params, model_state, opt_state, run_key, average)


def train_step(
    task: Task, state: TrainState, batch: Batch, hparams: HParams
) -> tuple[TrainState, Totals]:
    """One step of gradient descent on the mean loss of a batch.

    Args:
      task: what to train.
      state: state before the step.
      batch: examples; its mask is ignored, since training batches are full.
      hparams: hyper-parameters.

    Returns:
      ``(state, totals)``: the state after the step and the sums over this batch, taken
      before the step.
    """
    step_key = jax.random.fold_in(state.key, state.step)
    if task.axis_name is not None:
        step_key = jax.random.fold_in(step_key, jax.lax.axis_index(task.axis_name))
    augment_key, dropout_key = jax.random.split(step_key)
    inputs = batch.inputs
    if task.augment is not None:
        inputs = task.augment(augment_key, inputs)
    inputs = task.preprocess(inputs)

    def mean_loss(params):
        outputs, model_state = task.network.train(
            params, state.model_state, inputs, hparams.neuron, dropout_key
        )
        losses = task.loss(outputs, batch.labels, task.label_smoothing)
        return jnp.mean(losses), (outputs, model_state)

    gradient_of = jax.value_and_grad(mean_loss, has_aux=True)
    (loss, (outputs, model_state)), gradients = gradient_of(state.params)
    loss, gradients = task.mean((loss, gradients))
    updates, opt_state = _transformation(task, hparams).update(
        gradients, state.opt_state, state.params
    )
    params = optax.apply_updates(state.params, updates)
    average = state.average
    if average is not None:
        average = optax.incremental_update(params, average, 1 - task.average)

    predicted = jnp.argmax(jnp.mean(outputs, axis=0), -1)
    correct = jnp.sum(predicted == batch.labels, dtype=jnp.float32)
    correct, count = task.sum((correct, jnp.float32(batch.labels.size)))
    gradient_norm = _global_norm(gradients)
    checked = _joined(jax.tree.leaves((loss, gradient_norm, model_state)))
    totals = Totals(
        loss=loss * count,
        correct=correct,
        examples=count,
        gradient_norm=gradient_norm,
        bad_step=jnp.where(jnp.all(jnp.isfinite(checked)), -1, state.step),
    )
    return (
        TrainState(state.step + 1, params, model_state, opt_state, state.key, average),
        totals,
    )


def _global_norm(gradients: PyTree) -> jax.Array:
    """The norm of all gradients, of which the vectors are joined."""
    leaves = jax.tree.leaves(gradients)
    vectors = [leaf for leaf in leaves if leaf.ndim < 2]
    others = [leaf for leaf in leaves if leaf.ndim >= 2]
    return optax.global_norm([*others, *([_joined(vectors)] if vectors else [])])


def _joined(small: Sequence[jax.Array]) -> jax.Array:
    """All values in one vector: XLA takes its time to load a program for each array."""
    return jnp.concatenate([array.ravel() for array in small])


def epoch_order(state: TrainState, number: int, batch_size: int) -> jax.Array:
    """The order in which the epoch of the state's step visits the examples.

    Args:
      state: any state of that epoch.
      number: number of examples N.
      batch_size: examples a step.

    Returns:
      A permutation of the examples, int32 ``[N]``, drawn from the state's key.

    Raises:
      ValueError: if the examples do not fill one batch.
    """
    if number < batch_size:
        raise ValueError(
            f"a batch of {batch_size} needs as many examples, got {number}"
        )
    epoch = state.step // (number // batch_size)
    return jax.random.permutation(jax.random.fold_in(state.key, epoch), number)


def train_steps(
    task: Task,
    state: TrainState,
    examples: Examples,
    order: jax.Array,
    hparams: HParams,
    steps: jax.Array,
) -> tuple[TrainState, Totals]:
    """Many steps in one loop on the device, over data that lies there.

    An epoch leaves out the last examples of its order that do not fill a batch. Where
    ``steps`` is traced, one compiled program serves every number of steps.

    Args:
      task: what to train.
      state: state before the first of the steps.
      examples: the training set.
      order: order of the epoch, see :func:`epoch_order`.
      hparams: hyper-parameters.
      steps: how many steps to take, no further than to the end of the epoch.

    Returns:
      ``(state, totals)``: the state after the last step and the sums over all of them.
    """
    epoch_steps = len(examples.labels) // task.batch_size

    def body(_, carry):
        state, totals = carry
        start = state.step % epoch_steps * task.batch_size
        chosen = jax.lax.dynamic_slice_in_dim(order, start, task.batch_size)
        batch = task.batch(examples, task.share(chosen))
        state, new = train_step(task, state, batch, hparams)
        return state, totals.add(new)

    return jax.lax.fori_loop(0, steps, body, (state, Totals.zero()))


def take(examples: Examples, chosen: jax.Array) -> Batch:
    """The chosen examples as a batch, event frames with time in front.

    Args:
      examples: a data set.
      chosen: int32 indices ``[B]``.

    Returns:
      A batch whose mask is one everywhere.
    """
    inputs = jnp.take(examples.inputs, chosen, axis=0)
    if inputs.ndim == 5:
        inputs = jnp.moveaxis(inputs, 1, 0)
    labels = jnp.take(examples.labels, chosen, axis=0)
    return Batch(inputs, labels, jnp.ones(chosen.shape, jnp.float32))


def _transformation(task, hparams):
    return task.optimizer.transformation(hparams.learning_rate, hparams.weight_decay)
