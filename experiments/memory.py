"""What a training step holds in memory, layer by layer, and which batch fits.

Nothing is computed and no batch is tried: the total is XLA's own analysis of the
compiled step, and what each layer keeps for the backward pass follows from the shapes
that JAX hands on to it.
"""

import functools
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments import markdown
from experiments.build import Experiment
from experiments.config import ConfigError
from qifjax.data import Dataset
from qifjax.memory import Needed, device_memory, needed
from qifjax.training import Examples, Task, init_state, take, train_steps

_MEBIBYTE = 2**20
_ELSEWHERE = "between layers"


class Report(NamedTuple):
    """What a training step holds on each device.

    Attributes:
      batch_size: examples a step on each device.
      kept: bytes kept for the backward pass by layer, in the order of the layers, as
        JAX hands them on; XLA may keep less and compute some of it again.
      step: memory of the step: arguments are the training set, weights, state of the
        optimizer, statistics and metrics; temporary are activations and gradients.
      slope: bytes that one more example takes, from the step and one of twice its size.
      evaluation: bytes of the evaluation set, which lies on the device too.
      capacity: bytes of the device.
      largest: largest batch size that fits, at most the training set; 0 if none does.
    """

    batch_size: int
    kept: dict[str, int]
    step: Needed
    slope: float
    evaluation: int
    capacity: int
    largest: int

    def at(self, batch_size: int) -> float:
        """Predicts the memory of a step of another batch size, in bytes."""
        return self.step.total + self.slope * (batch_size - self.batch_size)


def measure(experiment: Experiment, devices: int = 1) -> Report:
    """Compiles the training step at two batch sizes and reads what it needs.

    Args:
      experiment: the configuration, built for one device with its share of a batch.
      devices: number of devices that share a batch.

    Returns:
      The report.
    """
    size = experiment.task.batch_size
    # Upwards, since XLA plans otherwise for batches that are much smaller.
    step, twice = (compiled_step(experiment, each) for each in (size, 2 * size))
    evaluation = experiment.evaluation.inputs.nbytes
    capacity = device_memory(experiment.layout.devices[0])
    slope = (twice.total - step.total) / size
    room = capacity - evaluation - (step.total - slope * size)
    # All shares of a batch cannot hold more than the training set does.
    most = len(experiment.training) // devices
    largest = min(most, max(0, int(room // slope))) if slope > 0 else most
    return Report(
        batch_size=size,
        kept=kept_by_layer(experiment),
        step=step,
        slope=slope,
        evaluation=evaluation,
        capacity=capacity,
        largest=largest,
    )


def compiled_step(experiment: Experiment, batch_size: int) -> Needed:
    """What XLA says of the program that takes training steps, for some batch size."""
    task = replace(experiment.task, batch_size=batch_size)
    number = max(len(experiment.training), batch_size)
    examples = _shapes(experiment.training, number)
    state = _state(task, experiment, examples)
    order = jax.ShapeDtypeStruct((number,), jnp.int32)
    steps = jax.ShapeDtypeStruct((), jnp.int32)
    compiled = (
        jax.jit(functools.partial(train_steps, task), donate_argnums=0)
        .lower(state, examples, order, experiment.hparams, steps)
        .compile(dict(experiment.compiler_options))
    )
    found = needed(compiled)
    if found is None:
        raise ConfigError("--memory-report: this backend does not analyse memory")
    return found


def kept_by_layer(experiment: Experiment) -> dict[str, int]:
    """Bytes that each layer keeps for its backward pass, without its weights."""
    task, hparams = experiment.task, experiment.hparams
    examples = _shapes(experiment.training, task.batch_size)
    state = _state(task, experiment, examples)

    def backward(params, model_state, examples):
        inputs = task.preprocess(take(examples, jnp.arange(task.batch_size)).inputs)

        def outputs(params):
            key = jax.random.key(0)
            return task.network.train(params, model_state, inputs, hparams.neuron, key)

        return jax.vjp(outputs, params, has_aux=True)[1]

    traced = jax.make_jaxpr(backward)(state.params, state.model_state, examples).jaxpr
    # Weights come from no equation, and what two layers keep is there once.
    handed_on = {id(value) for value in traced.outvars}
    kept: dict[str, int] = {}
    for equation in traced.eqns:
        layer = _layer(str(equation.source_info.name_stack))
        sizes = [
            value.aval.size * value.aval.dtype.itemsize
            for value in equation.outvars
            if id(value) in handed_on
        ]
        if sizes:
            kept[layer] = kept.get(layer, 0) + sum(sizes)
    return kept


def text(report: Report, devices: int) -> str:
    """The report as a page of Markdown.

    Args:
      report: what to tell.
      devices: number of devices that share each batch.

    Returns:
      The text, without a newline at its end.
    """
    rows = [(layer, _mebibytes(size)) for layer, size in report.kept.items()]
    rows.append(("sum", _mebibytes(sum(report.kept.values()))))
    held = [
        ("weights, optimizer, training set", _mebibytes(report.step.arguments)),
        ("temporary: activations, gradients", _mebibytes(report.step.temporary)),
        ("evaluation set", _mebibytes(report.evaluation)),
        ("sum", _mebibytes(report.step.total + report.evaluation)),
        ("memory of the device", _mebibytes(report.capacity)),
    ]
    share = f" on each of {devices} devices" if devices > 1 else ""
    largest = (
        f"Largest batch that fits: {report.largest * devices} examples "
        f"({report.largest}{share} would hold "
        f"{_mebibytes(report.at(report.largest) + report.evaluation)} MiB), by a "
        f"straight line through {report.batch_size} and {2 * report.batch_size}."
        if report.largest
        else "Not even one example fits."
    )
    lines = [
        f"One training step, {report.batch_size} examples{share}:",
        "",
        *markdown.table(("kept for the backward pass", "MiB"), rows),
        "",
        *markdown.table(("held, as XLA plans it", "MiB"), held),
        "",
        largest,
    ]
    return "\n".join(lines)


def _shapes(dataset: Dataset, number: int) -> Any:
    """A data set of some number of examples, without its values."""
    return Examples(
        jax.ShapeDtypeStruct((number, *dataset.shape), dataset.inputs.dtype),  # type: ignore[arg-type]
        jax.ShapeDtypeStruct((number,), jnp.int32),  # type: ignore[arg-type]
    )


def _state(task: Task, experiment: Experiment, examples: Any) -> Any:
    def init(examples: Examples) -> Any:
        two = take(examples, jnp.arange(2)).inputs
        return init_state(task, experiment.hparams, jax.random.key(0), two)

    return jax.eval_shape(init, examples)


def _layer(scope: str) -> str:
    """The outermost layer of a scope: ``jvp(N.outputs)/N.layers/conv1/conv`` is conv1.

    Flax names a scope after the module, and after its method where that is not
    ``__call__``; the network itself has no name but that of its class.
    """
    for part in scope.split("/"):
        name = part.partition(".")[0]
        if name and "(" not in name and not name[0].isupper():
            return name
    return _ELSEWHERE


def _mebibytes(size: float) -> str:
    return f"{size / _MEBIBYTE:,.1f}"
