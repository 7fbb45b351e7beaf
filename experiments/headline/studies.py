"""The studies there are: what is compared in them, and at which size by default."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments import config as configs
from experiments.config import Config, ConfigError


@dataclass(frozen=True)
class Study:
    """One experiment of the paper, with everything that is compared in it.

    Attributes:
      paper: name of the configuration of the paper's own experiment.
      classes: number of classes of the data set.
      smaller: settings that replace the paper's, so that two CPU cores carry it;
        options of the network are added to the paper's.
      arms: what is compared: by the name of each arm the settings in which it differs
        from the configuration. The first is a QIF arm, and the others are held
        against it.
    """

    paper: str
    classes: int
    smaller: Mapping[str, Any]
    arms: Mapping[str, Mapping[str, Any]]

    def config(self, name: str) -> Config:
        """The configuration at the default size, called ``name``."""
        paper = configs.load(self.paper)
        smaller = dict(self.smaller)
        options = {**paper.model_options, **smaller.pop("model_options", {})}
        return dataclasses.replace(paper, name=name, model_options=options, **smaller)

    def configs(self, config: Config, seeds: int) -> dict[tuple[str, int], Config]:
        """The configuration of each run: arm and seed, all arms of a seed in a row.

        Args:
          config: what the arms have in common; seeds are counted from its own.
          seeds: number of seeds.

        Returns:
          Configurations by arm and seed, in the order in which they are trained, so
          that whenever the training stops, whole comparisons have been made.

        Raises:
          ConfigError: if two arms are the same with this configuration, or if it is
            of another data set, which no number of the study would fit.
        """
        if config.dataset != (own := self.config(config.name).dataset):
            raise ConfigError(
                f"study {config.name} is of data set {own}, got --dataset "
                f"{config.dataset}; train on that one with experiments.train"
            )
        arms: dict[str, Config] = {}
        for name, changes in self.arms.items():
            arm = dataclasses.replace(config, **changes)
            twin = next((twin for twin in arms if arms[twin] == arm), None)
            if twin is not None:
                settings = ", ".join(f"{key} {changes[key]}" for key in changes)
                raise ConfigError(
                    f"arms {twin} and {name} ({settings}) would be the same; choose "
                    "options that leave them apart"
                )
            arms[name] = arm
        return {
            (name, seed): dataclasses.replace(arm, seed=seed)
            for seed in range(config.seed, config.seed + seeds)
            for name, arm in arms.items()
        }


_RESNET19 = Study(
    paper="cifar10_resnet19",
    classes=10,
    smaller={},
    arms={
        "qif": {"neuron": "qif"},
        "qif-one-step": {"neuron": "qif", "timesteps": 1},
        "lif": {"neuron": "lif"},
        "lif-same-rate": {"neuron": "lif", "lif_learning_rate": 0.0},
        "qif-centred": {"neuron": "qif", "window": "centred"},
    },
)

STUDIES = {
    "cifar10_resnet19": _RESNET19,
    "cifar10_resnet19_narrow": dataclasses.replace(
        _RESNET19,
        # Unclipped, the first gradients of QIF drive the few neurons of fc1 out of
        # their windows for good, which leaves the network at chance.
        smaller={
            "model_options": {"width_multiplier": 0.0625},
            "epochs": 15,
            "clip_norm": 1.0,
        },
    ),
    "cifar10_dvs_sim_vggsnn": Study(
        paper="cifar10_dvs_vggsnn",
        classes=10,
        smaller={
            "dataset": "cifar10_dvs_sim",
            "limit": 5000,
            "model_options": {"width_multiplier": 0.0625},
            "epochs": 15,
        },
        arms={
            "qif": {"neuron": "qif"},
            "lif": {"neuron": "lif"},
            "lif-higher-rate": {"neuron": "lif", "lif_learning_rate": 5e-3},
        },
    ),
}
"""The studies by name."""


def names() -> tuple[str, ...]:
    """The names of the studies, sorted."""
    return tuple(sorted(STUDIES))


def find(name: str) -> Study:
    """The study of a name.

    Raises:
      ConfigError: if there is none; the message lists what there is.
    """
    if name not in STUDIES:
        known = ", ".join(names())
        raise ConfigError(f"unknown study {name!r} (known: {known})")
    return STUDIES[name]


def load(name: str) -> Config:
    """The configuration of a study at its default size.

    Raises:
      ConfigError: if there is no such study.
    """
    return find(name).config(name)
