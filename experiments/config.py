"""The one configuration of an experiment, and the experiments there are by name."""

import dataclasses
import difflib
import importlib
import pkgutil
from dataclasses import dataclass, field
from typing import Any, Literal

import qifjax
from experiments import configs
from qifjax import EulerQIFParams, LIFParams, NeuronParams, QIFParams, data, nn
from qifjax.optimizers import OPTIMIZERS


class ConfigError(Exception):
    """A configuration makes no sense; the message says what is allowed."""


@dataclass(frozen=True)
class Config:
    """What a run computes: with the code and the data, it determines the result.

    Attributes:
      name: name of the experiment.
      dataset: data set, see qifjax.data.names().
      evaluate_on: "test" trains on all training examples; "validation" holds a tenth of
        them out and never reads the test set, for choosing between settings.
      model: network, see qifjax.nn.names().
      model_options: options of the network, such as `fc_norm tdbn`.
      timesteps: time steps T of a static image.
      neuron: neuron model.
      qif: parameters of --neuron qif.
      lif: parameters of --neuron lif.
      euler_qif: parameters of --neuron euler_qif.
      optimizer: "adam" (AdamW) or "sgd" (momentum 0.9), both with cosine decay to zero.
      learning_rate: learning rate of the first step.
      weight_decay: weight decay.
      batch_size: examples a step.
      epochs: passes over the training examples; 0 evaluates the initial network.
      seed: seed of initialisation and data order.
    """

    name: str = "custom"
    dataset: str = "digits"
    evaluate_on: Literal["test", "validation"] = "test"
    model: str = "lenet5"
    model_options: dict[str, bool | int | float | str] = field(default_factory=dict)
    timesteps: int = 2
    neuron: Literal["qif", "lif", "euler_qif"] = "qif"
    qif: QIFParams = QIFParams()
    lif: LIFParams = LIFParams()
    euler_qif: EulerQIFParams = EulerQIFParams()
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    batch_size: int = 128
    epochs: int = 10
    seed: int = 0

    @property
    def neuron_params(self) -> NeuronParams:
        """Parameters of the chosen neuron model."""
        params: NeuronParams = getattr(self, self.neuron)
        return params

    def check(self) -> None:
        """Raises ConfigError for the first value that makes no sense."""
        at_least = (
            ("epochs", 0),
            ("timesteps", 1),
            ("batch_size", 2),
            ("seed", 0),
            ("weight_decay", 0),
        )
        for name, least in at_least:
            if not getattr(self, name) >= least:
                flag = "--" + name.replace("_", "-")
                raise ConfigError(
                    f"{flag} must be at least {least}, got {getattr(self, name)}"
                )
        if not self.learning_rate > 0:
            raise ConfigError(f"--learning-rate must be > 0, got {self.learning_rate}")
        if self.dataset not in data.names():
            known = ", ".join(data.names())
            raise ConfigError(f"unknown --dataset {self.dataset!r} (known: {known})")
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise ConfigError(
                f"unknown --optimizer {self.optimizer!r} (known: {known})"
            )
        try:
            qifjax.validate(self.neuron_params)
            nn.create(
                self.model,
                num_classes=2,
                timesteps=self.timesteps,
                **self.model_options,
            )
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error)) from error

    def to_json(self) -> dict[str, Any]:
        """The configuration as nested dictionaries of plain values."""
        plain = dataclasses.asdict(self)
        for name in ("qif", "lif", "euler_qif"):
            plain[name] = getattr(self, name)._asdict()
        return plain


def names() -> tuple[str, ...]:
    """The names of the experiments, sorted."""
    return tuple(
        sorted(module.name for module in pkgutil.iter_modules(configs.__path__))
    )


def load(name: str) -> Config:
    """The configuration of an experiment.

    Args:
      name: name of a file in experiments/configs.

    Returns:
      Its configuration.

    Raises:
      ConfigError: if there is no such experiment; the message lists what there is.
    """
    if name not in names():
        close = difflib.get_close_matches(name, names(), 1)
        hint = f", did you mean {close[0]!r}?" if close else ""
        known = ", ".join(names())
        raise ConfigError(f"unknown config {name!r}{hint} (known: {known})")
    config: Config = importlib.import_module(f"experiments.configs.{name}").config
    return config
