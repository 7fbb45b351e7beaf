"""The parent's side of the conversation with a contestant's process."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.run_folder import RunError

_ROOT = Path(__file__).parents[2]


class PeerError(RunError):
    """A contestant cannot be installed or do its work; the message is one line."""


class Worker:
    """A process that answers requests, see :mod:`benchmarks.peers.serving`.

    Args:
      command: what to run, in the root of the repository.
      log: file for what it prints beside its answers.
      settings: environment variables beside those of this process.
    """

    def __init__(
        self, command: Sequence[str], log: Path, settings: Mapping[str, str] = {}
    ):
        self._log = log.absolute()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=_ROOT,
                # PyTorch's contestants compute on the CPU.
                env={**os.environ, "JAX_PLATFORMS": "cpu", **settings},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, do: str, **arguments: Any) -> Any:
        """Asks for something and waits for it.

        Args:
          do: what to do, a method of the worker's handlers.
          **arguments: its arguments, as JSON has them.

        Returns:
          The answer.

        Raises:
          PeerError: if the worker fails or has ended.
        """
        line = json.dumps({"do": do, **arguments})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(line, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise PeerError(f"the worker ended at {do}: {self._last_words()}")
        answered = json.loads(answer)
        if "error" in answered:
            raise PeerError(f"{do} failed: {answered['error']}")
        return answered["answer"]

    def _last_words(self) -> str:
        status = self._process.wait()
        if status < 0:
            # The system kills what takes too much memory, and it says nothing then.
            return f"killed by {signal.Signals(-status).name}"
        said = self._log.read_text().split("\n")
        return next((line.strip() for line in reversed(said) if line.strip()), "")

    def close(self) -> None:
        """Ends the process and waits for its end."""
        assert self._process.stdin is not None
        # What a worker that has ended did not read is still to be written.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
