"""A network as a finished run has left it, ready to be looked into."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from experiments import exported
from experiments.build import Experiment, build, network
from experiments.config import Config
from experiments.exported import Weights
from experiments.run_folder import RunError, RunFolder
from experiments.snapshot import Snapshot
from qifjax import nn, packed, parallel
from qifjax.checkpoint import Checkpoints
from qifjax.evaluation import Evaluation, evaluate
from qifjax.training import Examples, PyTree, take


@dataclass(frozen=True)
class Trained:
    """A trained network with its data.

    Attributes:
      folder: the run that trained it.
      config: what the run has computed.
      experiment: the configuration, built for one device.
      params: the parameters to evaluate.
      model_state: the running statistics.
    """

    folder: RunFolder
    config: Config
    experiment: Experiment
    params: PyTree
    model_state: PyTree

    @property
    def examples(self) -> Examples:
        """The examples that the run is scored on, on the device."""
        return Examples.of(self.experiment.evaluation)

    def first(self, steps: int) -> "Trained":
        """The same network, which is shown and read for its first steps alone.

        Args:
          steps: number of time steps; no more than recordings have.

        Returns:
          The network; static images are shown for so many steps.
        """
        experiment = self.experiment
        if experiment.evaluation.inputs.ndim == 5:
            shorter = (
                dataclasses.replace(part, inputs=part.inputs[:, :steps])
                for part in (experiment.training, experiment.evaluation)
            )
            training, evaluation = shorter
            experiment = dataclasses.replace(
                experiment, training=training, evaluation=evaluation, timesteps=steps
            )
            return dataclasses.replace(self, experiment=experiment)
        config = dataclasses.replace(self.config, timesteps=steps)
        model = network(config, len(experiment.training.class_names))
        functions = nn.pure(model, nn.named_window(config.window))
        task = dataclasses.replace(experiment.task, network=functions)
        experiment = dataclasses.replace(experiment, task=task, timesteps=steps)
        return dataclasses.replace(self, config=config, experiment=experiment)

    def populations(self, examples: Examples) -> dict[str, nn.PopulationStatistics]:
        """What every population does for a batch, by the running statistics.

        Args:
          examples: the batch, on the device.

        Returns:
          Statistics by layer, in the order in which layers run, on the host.
        """
        experiment, config = self.experiment, self.config
        model = network(config, len(experiment.training.class_names))
        batch = take(examples, jnp.arange(len(examples.labels)))
        variables = {"params": self.params, "batch_stats": self.model_state}
        inputs = experiment.task.preprocess(batch.inputs)
        found = nn.inspect_populations(
            model,
            variables,
            inputs,
            experiment.hparams.neuron,
            nn.named_window(config.window),
        )
        return jax.device_get(found)

    def evaluate(self) -> Evaluation:
        """Means over the examples that the run is scored on, on the host."""
        run = jax.jit(functools.partial(evaluate, self.experiment.task))
        neuron = self.experiment.hparams.neuron
        scores = run(self.params, self.model_state, self.examples, neuron)
        return jax.device_get(scores)

    @property
    def name(self) -> str:
        """The network and its neuron, for tables and figures."""
        return f"{self.config.name} {self.config.neuron} seed {self.config.seed}"


def require_alike(networks: Sequence[Trained]) -> None:
    """Raises RunError unless the networks differ in neurons and training alone."""

    def architecture(config: Config) -> dict[str, Any]:
        names = ["model", "model_options", "dataset", "resize", "limit", "evaluate_on"]
        # Recordings have as many steps as they have.
        names += [] if config.recorded else ["timesteps"]
        return {name: getattr(config, name) for name in names}

    first = networks[0]
    for other in networks[1:]:
        here, there = architecture(first.config), architecture(other.config)
        for name, value in here.items():
            if there[name] != value:
                raise RunError(
                    f"runs that are compared must have the same network and data, but "
                    f"{name} is {value} in {first.folder.path} and {there[name]} in "
                    f"{other.folder.path}"
                )


def load(path: Path, data_dir: Path, **changes: Any) -> Trained:
    """Reads the network of a finished run from its newest checkpoint, or its export.

    Args:
      path: the folder of the run, or what experiments.export has made of it.
      data_dir: where data sets are.
      changes: settings of the configuration to replace that fit the same parameters,
        such as ``precision``.

    Returns:
      The network.

    Raises:
      RunError: if the folder holds no run, or one that is not finished.
      CheckpointError: if its checkpoints are gone or damaged.
      ConfigError, DataError: if its experiment cannot be built here.
    """
    folder = RunFolder(path)
    if not folder.started:
        raise RunError(
            f"{path} holds no run; train one with: python -m experiments.train CONFIG "
            f"--workdir {path}"
        )
    if not folder.finished:
        raise RunError(
            f"{path} holds an unfinished run; finish it with --resume and the command "
            "that began it"
        )
    config = dataclasses.replace(Config.from_json(folder.config()), **changes)
    config.check()
    experiment = build(config, data_dir, parallel.layout())
    initial = experiment.initial(config.seed)
    if packed.holds(path):
        weights = Weights(initial.evaluated, initial.model_state)
        return Trained(folder, config, experiment, *exported.read(path, weights))
    state = Checkpoints(folder.checkpoints).restore(Snapshot.of(initial)).state
    return Trained(folder, config, experiment, state.evaluated, state.model_state)
