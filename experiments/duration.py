"""Times as people type and read them."""

import math
import re

from experiments.config import ConfigError

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds(option: str, text: str) -> float:
    """A positive time in seconds.

    Args:
      option: the option that it was given to, for the error.
      text: a number of seconds, or of the unit ``s``, ``m`` or ``h`` behind it.

    Returns:
      The time.

    Raises:
      ConfigError: if it is anything else.
    """
    found = re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)([smh]?)", text)
    value = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < value < math.inf:
        raise ConfigError(
            f"{option} must be a time above zero such as 520s, 8m, 1.5h or plain "
            f"seconds, got {text!r}"
        )
    return value


def text(seconds: float) -> str:
    """A time in words, such as ``"6 h 30 min"``, to two units at most.

    Args:
      seconds: the time.

    Returns:
      The words.
    """
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, days = round(seconds / 60), seconds / 86400
    if minutes < 60:
        return f"{minutes} min"
    if days < 2:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{days:,.0f} days" if days < 730 else f"{days / 365.25:,.0f} years"
