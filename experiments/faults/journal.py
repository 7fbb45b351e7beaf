"""What has been observed so far, on disk after every observation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.run_folder import RunError, write_json

Observation = dict[str, Any]
"""``passed``, and whatever else was seen, in plain values."""


class Journal:
    """Observations by fault, so that a script that is stopped goes on where it was."""

    def __init__(self, path: Path, settings: dict[str, Any]):
        """Opens the journal of a script.

        Args:
          path: JSON file.
          settings: what the observations depend on, in plain values.

        Raises:
          RunError: if the file holds observations of other settings.
        """
        self._path = path
        self._content: dict[str, Any] = {"settings": settings, "observations": {}}
        if path.exists():
            self._content = json.loads(path.read_text())
            if self._content["settings"] != settings:
                raise RunError(
                    f"{path} holds observations of {self._content['settings']}, not of "
                    f"{settings}; choose another --workdir"
                )

    def __getitem__(self, fault: str) -> list[Observation]:
        """The observations of a fault so far."""
        found: list[Observation] = self._content["observations"].get(fault, [])
        return found

    def observe(
        self, fault: str, number: int, once: Callable[[int], Observation]
    ) -> None:
        """Observes a fault until that has been done ``number`` times.

        Args:
          fault: name of the fault.
          number: how often it is wanted.
          once: plants it for the i-th time and says what it saw.
        """
        while len(self[fault]) < number:
            seen = once(len(self[fault]))
            self._content["observations"].setdefault(fault, []).append(seen)
            write_json(self._path, self._content)
            outcome = "passed" if seen["passed"] else f"FAILED: {seen}"
            print(f"{fault} {len(self[fault])}/{number}: {outcome}", flush=True)
