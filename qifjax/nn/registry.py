"""The public way to the networks: by name."""

import dataclasses
import difflib
from typing import Any

from qifjax.nn.lenet5 import LeNet5
from qifjax.nn.network import SpikingNetwork

_NETWORKS: dict[str, type[SpikingNetwork]] = {
    "lenet5": LeNet5,
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
    hidden = {"num_classes", "parent", "name"}
    return {
        field.name: field.default
        for field in dataclasses.fields(_network(name))
        if field.init and field.name not in hidden
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
      ValueError: if there is no such network or option; the message lists what there
        is.
    """
    network = _network(name)
    for setting in settings:
        if setting not in options(name):
            raise ValueError(_unknown(f"option of {name}", setting, options(name)))
    return network(num_classes=num_classes, **settings)


def _network(name):
    if name not in _NETWORKS:
        raise ValueError(_unknown("network", name, names()))
    return _NETWORKS[name]


def _unknown(what, given, known):
    close = difflib.get_close_matches(given, known, 1)
    hint = f", did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {given!r}{hint} (known: {', '.join(known)})"
