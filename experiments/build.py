"""From a configuration to what training takes."""

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from experiments.config import Config, ConfigError
from qifjax import data, nn
from qifjax.data import Dataset
from qifjax.data.augment import RECIPES
from qifjax.energy import Operations
from qifjax.losses import LOSSES
from qifjax.optimizers import Optimizer
from qifjax.parallel import Layout
from qifjax.training import Examples, HParams, Task, TrainState, init_state, take


@dataclass(frozen=True)
class Experiment:
    """A configuration, built.

    Attributes:
      task: what is compiled.
      hparams: hyper-parameters, float32 arrays.
      training: the training examples.
      evaluation: the examples that the run is scored on.
      operations: what each layer does for one example in one step, by name.
      timesteps: number of time steps T.
      layout: the devices that it runs on.
      compiler_options: what XLA has to be told.
    """

    task: Task
    hparams: HParams
    training: Dataset
    evaluation: Dataset
    operations: dict[str, Operations]
    timesteps: int
    layout: Layout
    compiler_options: dict[str, str]

    @property
    def epoch_steps(self) -> int:
        """Steps of one epoch."""
        return len(self.training) // self.task.batch_size

    def initial(self, seed: int) -> TrainState:
        """The state at step 0, where the layout wants it."""
        inputs = jnp.asarray(self.training.inputs[:2])
        labels = jnp.asarray(self.training.labels[:2])
        two = take(Examples(inputs, labels), jnp.arange(2)).inputs
        return self.layout.create(
            lambda: init_state(self.task, self.hparams, jax.random.key(seed), two)
        )


def build(config: Config, data_dir: Path, layout: Layout) -> Experiment:
    """Reads the data and builds the network and its training.

    Args:
      config: a checked configuration.
      data_dir: where data sets are.
      layout: the devices to run on.

    Returns:
      The experiment.

    Raises:
      DataError: if the data cannot be read.
      ConfigError: if they do not fit the network, the augmentation or the batch, or the
        run is too short.
    """
    test = config.evaluate_on == "test"
    training, evaluation = (
        data.load(config.dataset, data_dir, split).spread(config.limit)
        for split in ("train" if test else "fit", config.evaluate_on)
    )
    if len(training) < config.batch_size:
        raise ConfigError(
            f"--batch-size {config.batch_size} is larger than the training set of "
            f"{len(training)} examples"
        )
    model = network(config, len(training.class_names), layout.axis_name)
    epoch_steps = len(training) // config.batch_size
    total_steps = config.epochs * epoch_steps
    if 0 < total_steps < config.accumulate:
        raise ConfigError(
            f"--accumulate {config.accumulate} is more than the {total_steps} steps of "
            "the run, which would make no update"
        )
    optimizer = Optimizer(
        config.optimizer,
        total_steps=max(1, total_steps),
        warmup_steps=config.warmup_epochs * epoch_steps,
        clip_norm=config.clip_norm,
        accumulate=config.accumulate,
        decay=config.decay,
    )
    recorded = len(training.shape) == 4
    if recorded and config.resize:
        raise ConfigError(f"--resize is for images, not for {config.dataset}")
    normalise = _counts if recorded else _normaliser(training.inputs)
    preprocess = _resizer(config.resize, normalise) if config.resize else normalise
    augment = None if config.augment == "none" else RECIPES[config.augment]
    if augment is not None:
        _check_fit(augment, training.inputs[:1], config)
    task = Task(
        network=nn.pure(model, nn.named_window(config.window)),
        optimizer=optimizer,
        preprocess=preprocess,
        batch_size=config.batch_size,
        augment=augment,
        loss=LOSSES[config.loss],
        label_smoothing=config.label_smoothing,
        average=config.average,
    )
    try:
        task = layout.divide(task)
    except ValueError as error:
        raise ConfigError(f"--batch-size: {error}") from error
    hparams = HParams(
        config.neuron_params, config.neuron_learning_rate, config.weight_decay
    )
    timesteps = training.shape[0] if recorded else config.timesteps
    shape = (timesteps, 1, *training.shape[1:]) if recorded else (1, *training.shape)
    shape = jax.eval_shape(preprocess, jax.ShapeDtypeStruct(shape, jnp.uint8)).shape
    try:
        operations = nn.operations(model, shape, config.neuron_params)
    except ValueError as error:
        raise ConfigError(f"{config.dataset}: {error}") from error
    return Experiment(
        task,
        jax.tree.map(jnp.float32, hparams),
        training,
        evaluation,
        operations,
        timesteps,
        layout,
        nn.compiler_options(config.remat),
    )


def _check_fit(augment, inputs: np.ndarray, config: Config) -> None:
    """Raises ConfigError where an augmentation is for other inputs."""
    if inputs.ndim == 5:
        inputs = np.moveaxis(inputs, 1, 0)
    try:
        jax.eval_shape(augment, jax.random.key(0), inputs)
    except ValueError as error:
        raise ConfigError(
            f"--augment {config.augment} does not fit {config.dataset}: {error}"
        ) from error


def network(
    config: Config, num_classes: int, axis_name: str | None = None
) -> nn.SpikingNetwork:
    """The network of a configuration."""
    return nn.create(
        config.model,
        num_classes=num_classes,
        timesteps=config.timesteps,
        dtype=jnp.dtype(config.precision),
        remat=config.remat,
        axis_name=axis_name,
        **config.model_options,
    )


def _resizer(size: int, normalise):
    """Enlarges or shrinks uint8 images bilinearly, then normalises them."""

    def apply(inputs):
        shape = (inputs.shape[0], size, size, inputs.shape[3])
        floats = inputs.astype(jnp.float32)
        return normalise(jax.image.resize(floats, shape, "bilinear"))

    return apply


def _normaliser(images: np.ndarray):
    """0 to 255 to floats, such that every channel of ``images`` is standardised."""
    counts = np.zeros((images.shape[-1], 256), np.int64)
    # By parts, since bincount makes int64 of all values at once.
    for start in range(0, len(images), 1000):
        channels = np.moveaxis(images[start : start + 1000], -1, 0)
        counts += [np.bincount(channel.ravel(), minlength=256) for channel in channels]
    grey = np.arange(256)
    means = np.asarray([(count * grey).sum() / count.sum() for count in counts])
    squares = np.asarray([(count * grey**2).sum() / count.sum() for count in counts])
    mean = means.astype(np.float32)
    scale = (1 / np.maximum(np.sqrt(squares - means**2), 1)).astype(np.float32)

    def normalise(inputs):
        per_channel = (1,) * (inputs.ndim - 1) + (-1,)
        centred = inputs.astype(jnp.float32) - mean.reshape(per_channel)
        return centred * scale.reshape(per_channel)

    return normalise


def _counts(frames):
    """Event frames are counts of events and stay what they are."""
    return frames.astype(jnp.float32)
