"""The public way to the networks: by name."""

import difflib
from typing import Any

from qifjax.nn.dvs_gesture_net import DVSGestureNet
from qifjax.nn.lenet5 import LeNet5
from qifjax.nn.meta_spikeformer import MetaSpikeFormer
from qifjax.nn.network import SpikingNetwork
from qifjax.nn.options import fields
from qifjax.nn.resnet import ResNet19, ResNet34
from qifjax.nn.vgg11 import VGG11
from qifjax.nn.vggsnn import VGGSNN

_NETWORKS: dict[str, type[SpikingNetwork]] = {
    "dvs_gesture_net": DVSGestureNet,
    "lenet5": LeNet5,
    "meta_spikeformer": MetaSpikeFormer,
    "resnet19": ResNet19,
    "resnet34": ResNet34,
    "vgg11": VGG11,
    "vggsnn": VGGSNN,
}


def names() -> tuple[str, ...]:
    """The names that :func:`create` knows, sorted."""
    return tuple(sorted(_NETWORKS))


def options(name: str) -> dict[str, Any]:
    """The options of a network beside ``num_classes``, with their defaults.

    Args:
      name: name of a network.

    Returns:
      Default value by option name.

    Raises:
      ValueError: if there is no such network.
    """
    return {
        field.name: field.default
        for field in fields(_network(name))
        if field.name != "num_classes"
    }


def create(name: str, *, num_classes: int, **settings: Any) -> SpikingNetwork:
    """Builds a network.

    Args:
      name: one of :func:`names`.
      num_classes: number of classes.
      **settings: options of that network, see :func:`options` and the class.

    Returns:
      The Flax module. ``model.init(key, x, neuron)`` gives its variables,
      ``model.apply(variables, x, neuron)`` its logits.

    Raises:
      ValueError: if there is no such network, option or value of an option; the
        message lists what there is.
    """
    network = _network(name)
    for setting in settings:
        if setting not in options(name):
            raise ValueError(_unknown(f"option of {name}", setting, options(name)))
    model = network(num_classes=num_classes, **settings)
    model.check()
    return model


def _network(name):
    if name not in _NETWORKS:
        raise ValueError(_unknown("network", name, names()))
    return _NETWORKS[name]


def _unknown(what, given, known):
    close = difflib.get_close_matches(given, known, 1)
    hint = f", did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {given!r}{hint} (known: {', '.join(known)})"
