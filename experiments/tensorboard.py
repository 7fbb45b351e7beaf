"""The metrics of a run as TensorBoard reads them, written without TensorFlow."""

import importlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments import metrics
from experiments.config import ConfigError


class EventFiles:
    """Writes every number of every epoch into an event file, at the step of its end.

    tensorboardX's ``SummaryWriter`` writes from a thread, so that a run that is killed
    loses epochs which have been reported; its ``EventsWriter`` does not.

    Args:
      folder: where the file goes; both are made with the first epoch.

    Raises:
      ConfigError: if tensorboardX is not installed.
    """

    def __init__(self, folder: Path):
        try:
            self._files = importlib.import_module("tensorboardX.event_file_writer")
            self._proto = importlib.import_module("tensorboardX.proto.event_pb2")
        except ImportError as error:
            raise ConfigError(
                f"--tensorboard needs tensorboardX ({error}); "
                "install it with: pip install 'qifjax[tensorboard]'"
            ) from error
        self._folder = folder
        self._writer: Any = None

    def __enter__(self) -> "EventFiles":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, entry: Mapping[str, Any]) -> None:
        """Writes the metrics of an epoch; see :func:`experiments.metrics.entry`."""
        if self._writer is None:
            self._open(entry["step"])
        event = self._event(entry["step"])
        for name, value in metrics.scalars(entry).items():
            event.summary.value.add(tag=name, simple_value=value)
        self._writer.write_event(event)
        self._writer.flush()

    def _open(self, step: int) -> None:
        """Begins a file, which hides what earlier ones hold of this step and later."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads files by name, which holds seconds: steps order within one.
        self._writer = self._files.EventsWriter(
            str(self._folder / "events"), f".{step:08d}"
        )
        start = self._event(step)
        start.session_log.status = start.session_log.START
        self._writer.write_event(start)

    def _event(self, step: int) -> Any:
        return self._proto.Event(wall_time=time.time(), step=step)
