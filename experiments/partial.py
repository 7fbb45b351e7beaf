"""What a long measurement has found so far, kept where a killed command finds it."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from experiments.run_folder import write_json


class Partial:
    """Numbers in named parts, saved with each addition in a file beside the output.

    Args:
      out: the output of the command; the file is called ``NAME.partial.json``.
      identity: everything that the numbers depend on; what another command has left is
        of no use and is overwritten.
    """

    def __init__(self, out: Path, *identity: str | bytes):
        self._file = out.with_suffix(".partial.json")
        digest = hashlib.sha256()
        for part in identity:
            digest.update(part.encode() if isinstance(part, str) else part)
        self._key = digest.hexdigest()
        self._parts: dict[str, list[float]] = {}
        if self._file.exists():
            found = json.loads(self._file.read_text())
            if found["key"] == self._key:
                self._parts = found["parts"]

    def done(self, part: str) -> list[float]:
        """The numbers of a part, as far as they are known."""
        return list(self._parts.get(part, ()))

    def add(self, part: str, numbers: Iterable[float]) -> None:
        """Appends numbers to a part and saves everything."""
        self._parts.setdefault(part, []).extend(float(number) for number in numbers)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._file, {"key": self._key, "parts": self._parts})

    def remove(self) -> None:
        """Removes the file, when everything is in the output."""
        self._file.unlink(missing_ok=True)
