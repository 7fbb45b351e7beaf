"""Options of networks: which values are allowed, checked before anything is built."""

import dataclasses
import numbers
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args, get_origin

from flax import linen

_Range = tuple[str, Callable[[Any], bool]]
_AT_LEAST_0: _Range = ("at least 0", lambda value: value >= 0)
_AT_LEAST_1: _Range = ("at least 1", lambda value: value >= 1)

_RANGES: dict[str, _Range] = {
    "num_classes": _AT_LEAST_1,
    "timesteps": _AT_LEAST_1,
    "width_multiplier": ("above 0", lambda value: value > 0),
    "stem_width": _AT_LEAST_1,
    "head_hidden": _AT_LEAST_0,
    "padding": _AT_LEAST_0,
    "dropout": ("at least 0 and below 1", lambda value: 0 <= value < 1),
}
"""Ranges of numeric options, by name, whichever network has them."""

_KINDS: dict[Any, tuple[str, tuple[type, ...]]] = {
    bool: ("True or False", (bool,)),
    # NumPy's integers and floats too.
    int: ("a whole number", (numbers.Integral,)),
    float: ("a number", (numbers.Real,)),
    str: ("a text", (str,)),
}


def fields(network: Any) -> Iterator[dataclasses.Field]:
    """The options of a network, or of its class, with ``num_classes``."""
    hidden = {"parent", "name"}
    for field in dataclasses.fields(network):
        if field.init and field.name not in hidden:
            yield field


def check_options(network: linen.Module) -> None:
    """Refuses options whose annotation or range excludes the value.

    Args:
      network: a network.

    Raises:
      ValueError: the message says what is allowed.
    """
    for field in fields(network):
        value = getattr(network, field.name)
        allowed = _allowed(field, value)
        if allowed:
            raise ValueError(
                f"{type(network).__name__}: option {field.name} must be {allowed}, "
                f"got {value!r}"
            )


def _allowed(field, value) -> str | None:
    """What the option may be, if it is not; None where the value is fine."""
    if get_origin(field.type) is Literal:
        choices = get_args(field.type)
        return None if value in choices else f"one of {', '.join(map(repr, choices))}"
    if field.type in _KINDS:
        words, kinds = _KINDS[field.type]
        # True is an int to Python, but nobody means one layer by it.
        if not isinstance(value, kinds) or (
            isinstance(value, bool) and field.type is not bool
        ):
            return words
    words, holds = _RANGES.get(field.name, ("", lambda _: True))
    return None if holds(value) else words
