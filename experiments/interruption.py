"""Signals, and whatever else ends a run at the next safe moment."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interrupted(Exception):  # noqa: N818 - a request is not an error
    """A run has stopped on request after writing a checkpoint; the message names it."""


class Request:
    """Whether somebody has asked the process to end.

    Attributes:
      reason: what has asked first, such as ``"SIGTERM"``, or None.
    """

    reason: str | None = None


@contextlib.contextmanager
def on_request() -> Iterator[Request]:
    """Notes SIGTERM and SIGINT instead of ending the process.

    A second SIGINT ends it as usual, for those who do not want to wait.
    """
    request = Request()
    # Python delivers signals to the main thread alone, and only there can this be set.
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, _: FrameType | None) -> None:
        request.reason = request.reason or signal.Signals(number).name
        signal.signal(signal.SIGINT, before[signal.SIGINT])

    kinds = (signal.SIGTERM, signal.SIGINT)
    before = {kind: signal.getsignal(kind) for kind in kinds}
    for kind in kinds:
        signal.signal(kind, note)
    try:
        yield request
    finally:
        for kind in kinds:
            signal.signal(kind, before[kind])
