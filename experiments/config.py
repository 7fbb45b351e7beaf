"""The one configuration of an experiment, and the experiments there are by name."""

import dataclasses
import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

import qifjax
from experiments import configs
from qifjax import EulerQIFParams, LIFParams, NeuronParams, QIFParams, data, nn
from qifjax.data import simulated
from qifjax.data.augment import RECIPES
from qifjax.data.events.catalogue import EVENT_SETS

SMOKE = "_smoke"
"""What stands behind the name of an experiment for its small variant."""


class ConfigError(Exception):
    """A configuration makes no sense; the message says what is allowed."""


_SET_ELSEWHERE = {
    "timesteps": "--timesteps",
    "dtype": "--precision",
    "remat": "--remat",
    "axis_name": "--parallel",
    "num_classes": "the data set",
}
"""Options of every network that follow from other settings."""


@dataclass(frozen=True)
class Config:
    """What a run computes: with the code and the data, it determines the result.

    Attributes:
      name: name of the experiment.
      dataset: data set, see qifjax.data.names().
      augment: augmentation of training examples, see qifjax.data.augment.RECIPES.
      resize: side in pixels to which images are resized bilinearly; 0 leaves them.
      limit: largest number of examples of a split, taken at equal distances from all of
        them; 0 takes all.
      evaluate_on: "test" trains on all training examples; "validation" holds a tenth of
        them out and never reads the test set, for choosing between settings.
      model: network, see qifjax.nn.names().
      model_options: options of the network, such as `fc_norm tdbn`.
      timesteps: time steps T of a static image.
      neuron: neuron model.
      qif: parameters of --neuron qif.
      lif: parameters of --neuron lif.
      euler_qif: parameters of --neuron euler_qif.
      window: surrogate window: "analytic" is the neuron's own (eq. 16 for QIF, eq. 5
        for LIF), "centred" the same on the threshold, "unit_area" the same with area
        one, "empirical" the measured mean of each layer, plus and minus the deviation.
      precision: dtype of convolutions and dense layers; membranes, statistics, loss and
        weights stay float32. Recent NVIDIA GPUs multiply float32 as TensorFloat-32
        unless JAX_DEFAULT_MATMUL_PRECISION is "highest".
      remat: what the backward pass computes again instead of keeping it: "step" of each
        population, each "layer", or "none"; the result is the same up to rounding.
      optimizer: "adam" (AdamW) or "sgd" (momentum 0.9), both with cosine decay to zero.
      learning_rate: largest learning rate.
      lif_learning_rate: the same for --neuron lif, where it differs; 0 where not.
      warmup_epochs: epochs over which the learning rate rises from zero.
      weight_decay: weight decay.
      decay: "all" decays every parameter, "kernels" neither biases nor norms.
      loss: "cross_entropy" of the mean over time, or "tet", the mean of each step's.
      label_smoothing: share of the target that is spread over all classes.
      clip_norm: largest norm of the gradient; 0 does not clip.
      accumulate: steps whose mean gradient makes one update.
      average: weight of the old moving average of the weights, which is then what is
        evaluated; 0 keeps none.
      batch_size: examples a step.
      epochs: passes over the training examples; 0 evaluates the initial network.
      seed: seed of initialisation and data order.
    """

    name: str = "custom"
    dataset: str = "digits"
    augment: str = "none"
    resize: int = 0
    limit: int = 0
    evaluate_on: Literal["test", "validation"] = "test"
    model: str = "lenet5"
    model_options: dict[str, bool | int | float | str] = field(default_factory=dict)
    timesteps: int = 2
    neuron: Literal["qif", "lif", "euler_qif"] = "qif"
    qif: QIFParams = QIFParams()
    lif: LIFParams = LIFParams()
    euler_qif: EulerQIFParams = EulerQIFParams()
    window: nn.WindowName = "analytic"
    precision: Literal["float32", "bfloat16"] = "float32"
    remat: nn.Remat = "none"
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    lif_learning_rate: float = 0.0
    warmup_epochs: int = 0
    weight_decay: float = 1e-4
    decay: Literal["all", "kernels"] = "all"
    loss: Literal["cross_entropy", "tet"] = "cross_entropy"
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    accumulate: int = 1
    average: float = 0.0
    batch_size: int = 128
    epochs: int = 10
    seed: int = 0

    @property
    def neuron_params(self) -> NeuronParams:
        """Parameters of the chosen neuron model."""
        params: NeuronParams = getattr(self, self.neuron)
        return params

    @property
    def neuron_learning_rate(self) -> float:
        """Learning rate of the chosen neuron model."""
        lif = self.lif_learning_rate if self.neuron == "lif" else 0.0
        return lif or self.learning_rate

    @property
    def recorded(self) -> bool:
        """Whether the examples are event recordings, which bring their time steps."""
        return self.dataset in simulated.SETS or self.dataset in EVENT_SETS

    def check(self) -> None:
        """Raises ConfigError for the first value that makes no sense."""
        at_least = (
            ("epochs", 0),
            ("timesteps", 1),
            ("batch_size", 2),
            ("seed", 0),
            ("weight_decay", 0),
            ("lif_learning_rate", 0),
            ("resize", 0),
            ("limit", 0),
            ("warmup_epochs", 0),
            ("clip_norm", 0),
            ("accumulate", 1),
        )
        for name, least in at_least:
            if not getattr(self, name) >= least:
                flag = "--" + name.replace("_", "-")
                raise ConfigError(
                    f"{flag} must be at least {least}, got {getattr(self, name)}"
                )
        if not self.learning_rate > 0:
            raise ConfigError(f"--learning-rate must be > 0, got {self.learning_rate}")
        for name in ("label_smoothing", "average"):
            if not 0 <= getattr(self, name) < 1:
                flag = "--" + name.replace("_", "-")
                given = getattr(self, name)
                raise ConfigError(f"{flag} must be at least 0 and below 1, got {given}")
        if self.warmup_epochs > self.epochs:
            raise ConfigError(
                f"--warmup-epochs must be at most --epochs {self.epochs}, "
                f"got {self.warmup_epochs}"
            )
        if self.dataset not in data.names():
            known = ", ".join(data.names())
            raise ConfigError(f"unknown --dataset {self.dataset!r} (known: {known})")
        if self.augment not in RECIPES:
            known = ", ".join(RECIPES)
            raise ConfigError(f"unknown --augment {self.augment!r} (known: {known})")
        for setting in dataclasses.fields(self):
            choices, given = get_args(setting.type), getattr(self, setting.name)
            if get_origin(setting.type) is Literal and given not in choices:
                flag, known = "--" + setting.name.replace("_", "-"), ", ".join(choices)
                raise ConfigError(f"unknown {flag} {given!r} (known: {known})")
        for name in self.model_options:
            if name in _SET_ELSEWHERE:
                raise ConfigError(
                    f"--model-options cannot set {name}, which is for "
                    f"{_SET_ELSEWHERE[name]}"
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

    def smoke(self) -> "Config":
        """The same experiment in seconds: narrow, on few examples without a download.

        Images become the digits of scikit-learn, recordings what a simulated camera
        makes of them.
        """
        # AutoAugment needs colours, which the digits do not have.
        augment = "cifar10" if self.augment == "cifar100" else self.augment
        return dataclasses.replace(
            self,
            name=self.name + SMOKE,
            dataset="digits_dvs" if self.recorded else "digits",
            augment=augment,
            resize=min(self.resize, 32),
            limit=128,
            model_options={**self.model_options, "width_multiplier": 0.125},
            warmup_epochs=min(self.warmup_epochs, 1),
            batch_size=min(self.batch_size, 32),
            epochs=min(self.epochs, 2),
        )

    def to_json(self) -> dict[str, Any]:
        """The configuration as nested dictionaries of plain values."""
        plain = dataclasses.asdict(self)
        for name in ("qif", "lif", "euler_qif"):
            plain[name] = getattr(self, name)._asdict()
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "Config":
        """The configuration that :meth:`to_json` has written.

        Settings that an earlier version did not know have their defaults.

        Raises:
          ConfigError: if there is a setting that this version does not know.
        """
        known = {setting.name for setting in dataclasses.fields(cls)}
        if unknown := plain.keys() - known:
            raise ConfigError(
                f"unknown settings {', '.join(sorted(unknown))}: the configuration is "
                "of another version of qifjax"
            )
        neurons = {"qif": QIFParams, "lif": LIFParams, "euler_qif": EulerQIFParams}
        return cls(
            **{
                name: neurons[name](**value) if name in neurons else value
                for name, value in plain.items()
            }
        )


def names() -> tuple[str, ...]:
    """The names of the experiments, sorted."""
    return tuple(
        sorted(module.name for module in pkgutil.iter_modules(configs.__path__))
    )


def load(name: str) -> Config:
    """The configuration of an experiment.

    Args:
      name: name of a file in experiments/configs, or that and ``_smoke``, see
        :meth:`Config.smoke`.

    Returns:
      Its configuration.

    Raises:
      ConfigError: if there is no such experiment; the message lists what there is.
    """
    if name.endswith(SMOKE):
        return load(name.removesuffix(SMOKE)).smoke()
    if name not in names():
        close = difflib.get_close_matches(name, names(), 1)
        hint = f", did you mean {close[0]!r}?" if close else ""
        known = ", ".join(names())
        raise ConfigError(
            f"unknown config {name!r}{hint} (known: {known}; each also as NAME{SMOKE})"
        )
    config: Config = importlib.import_module(f"experiments.configs.{name}").config
    return config
