"""When a run has to have ended, and how long its last acts take."""

import contextlib
import math
import time
from collections.abc import Iterator

from experiments import duration

_MARGIN = 1.5


class Deadline:
    """A time by which a run is to have ended.

    Acts have names. Each is expected to take as long as the longest of its kind so far,
    or where there was none as long as :meth:`expect` says, and a half more.

    Attributes:
      name: what asks the run to end, such as ``"--stop-after 520s"``.
      end: the time, by the clock of :func:`time.monotonic`.
    """

    def __init__(self, name: str = "", end: float = math.inf):
        self.name = name
        self.end = end
        self._longest: dict[str, float] = {}
        self._expected: dict[str, float] = {}

    @contextlib.contextmanager
    def timed(self, act: str) -> Iterator[None]:
        """Measures what is done within the context."""
        start = time.monotonic()
        yield
        self.took(act, time.monotonic() - start)

    def took(self, act: str, seconds: float) -> None:
        """Says how long an act has taken."""
        self._longest[act] = max(seconds, self._longest.get(act, 0.0))

    def expect(self, act: str, seconds: float) -> None:
        """Says how long an act may take, until one has been measured."""
        self._expected[act] = seconds

    def to_measure(self, act: str) -> bool:
        """Whether an act should be waited for, so that its time gets known."""
        return self.end < math.inf and act not in self._longest

    def seconds(self, act: str) -> float:
        """How long an act takes, as far as is known."""
        return self._longest.get(act, self._expected.get(act, 0.0))

    def too_near(self, *acts: str) -> bool:
        """Whether less time is left than some acts need, one after the other."""
        needed = _MARGIN * sum(map(self.seconds, acts))
        return time.monotonic() + needed > self.end


def stop_after(text: str | None, began: float) -> Deadline:
    """The deadline of ``--stop-after``.

    Args:
      text: what was given, see :func:`duration.seconds`; None ends nothing.
      began: when the command began, by :func:`time.monotonic`.

    Raises:
      ConfigError: if the text is no positive time.
    """
    if text is None:
        return Deadline()
    seconds = duration.seconds("--stop-after", text)
    return Deadline(f"--stop-after {text}", began + seconds)
