"""The contestants that take part, each with its process, and those that cannot."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.peers.contestants import CONTESTANTS, OURS, Contestant
from benchmarks.peers.environments import build
from benchmarks.peers.worker import PeerError, Worker


class Field:
    """Contestants and their processes.

    Args:
      names: who takes part, names of :data:`CONTESTANTS`.
      folder: where environments and logs are.
      arguments: what their modules are called with, by name of the contestant.

    Raises:
      PeerError: if qifjax itself cannot start.

    Attributes:
      workers: running workers by name.
      versions: versions of what does the work, by name.
      left_out: why something is missing, by contestant, or by task, neuron model and
        contestant.
    """

    def __init__(
        self,
        names: Iterable[str],
        folder: Path,
        arguments: Mapping[str, Sequence[str]] = {},
    ):
        self._folder = folder
        self._arguments = dict(arguments)
        self._settings: dict[str, Mapping[str, str]] = {}
        self._pythons: dict[str, str] = {}
        self._contestants: dict[str, Contestant] = {}
        self.workers: dict[str, Worker] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.left_out: dict[str, str] = {}
        for name in names:
            try:
                self._contestants[name] = CONTESTANTS[name]
                self._pythons[name] = self._python(CONTESTANTS[name])
                self.workers[name] = self.start(name)
                self.versions[name] = self.workers[name].ask("versions")
            except PeerError as error:
                self.dismiss(name, error)

    def __enter__(self) -> "Field":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.close()

    def having(self, neuron: str) -> list[str]:
        """Names of the contestants that take part and have a neuron model."""
        return [name for name in self.workers if neuron in self._contestants[name].same]

    def join(self, label: str, name: str, settings: Mapping[str, str]) -> None:
        """Lets another process of a contestant take part, under a name of its own.

        Args:
          label: that name.
          name: the contestant, which takes part already.
          settings: environment variables for its processes.
        """
        self._contestants[label] = self._contestants[name]
        self._pythons[label] = self._pythons[name]
        self._arguments[label] = self._arguments.get(name, ())
        self._settings[label] = settings
        self.workers[label] = self.start(label)

    def start(self, name: str, settings: Mapping[str, str] = {}) -> Worker:
        """Starts another process of a contestant.

        Args:
          name: the contestant, or the label with which it has joined.
          settings: environment variables for it, beside those of the label.

        Returns:
          The worker.
        """
        module = f"benchmarks.peers.{self._contestants[name].module}"
        given = self._arguments.get(name, ())
        command = [self._pythons[name], "-m", module, *given]
        # The log of the first process says why that one ends.
        log = f"{name}-again.log" if name in self.workers else f"{name}.log"
        settings = {**self._settings.get(name, {}), **settings}
        return Worker(command, self._folder / "logs" / log, settings)

    def leave_out(self, what: str, error: PeerError) -> None:
        """Notes, and says in one line, that something is left out."""
        self.left_out[what] = str(error)
        print(f"error: {what} is left out: {error}", file=sys.stderr)

    def dismiss(self, name: str, error: PeerError) -> None:
        """Ends the part of a contestant; without ours there is nothing to compare."""
        if name in self.workers:
            self.workers.pop(name).close()
        if name == OURS:
            raise error
        self.leave_out(name, error)

    def _python(self, contestant: Contestant) -> str:
        if contestant.environment is None:
            return sys.executable
        return str(build(contestant.environment, self._folder))
