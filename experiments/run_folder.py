"""The folder of a run: what lies in it, and that nothing in it is ever half-written."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.config import Config


class RunError(Exception):
    """A run cannot start, go on or be read; the message says what to do."""


class RunFolder:
    """The folder of one run.

    It holds ``config.json``, ``metrics.jsonl`` (one object an epoch), ``checkpoints/``
    and ``result.json``, whose existence means that the run is finished.
    """

    def __init__(self, path: Path):
        self.path = path

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints are."""
        return self.path / "checkpoints"

    @property
    def started(self) -> bool:
        """Whether the folder holds a run."""
        return (self.path / "config.json").exists()

    @property
    def finished(self) -> bool:
        """Whether the run has finished."""
        return (self.path / "result.json").exists()

    def open(self, config: Config, resume: bool) -> None:
        """Claims the folder for a run.

        Args:
          config: what the run computes.
          resume: go on with what is there.

        Raises:
          RunError: if the folder holds another config's run, or this one's and
            ``resume`` is false, or none and ``resume`` is true.
        """
        mine = _plain(config)
        file = self.path / "config.json"
        if self.started:
            # Settings that came later have their defaults in runs from before.
            theirs = _plain(Config.from_json(self.config()))
            if theirs != mine:
                raise RunError(
                    f"{self.path} holds a run with another config "
                    f"({_difference(theirs, mine)}); choose another --workdir"
                )
            if not resume:
                state = "a finished" if self.finished else "an unfinished"
                raise RunError(
                    f"{self.path} holds {state} run of this config; add --resume to go "
                    "on with it, or choose another --workdir"
                )
        elif resume:
            raise RunError(f"nothing to resume: {self.path} holds no run")
        else:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(file, mine)

    def config(self) -> dict[str, Any]:
        """The configuration of the run in the folder."""
        return self._read("config.json")

    def result(self) -> dict[str, Any]:
        """The result of the run in the folder."""
        return self._read("result.json")

    def metrics(self) -> list[dict[str, Any]]:
        """One object an epoch, in order."""
        return list(self._metric_lines())

    def start_metrics(self, epochs: int) -> None:
        """Keeps the metrics of the first epochs and drops what lies behind them."""
        kept = [line for line in self._metric_lines() if line["epoch"] <= epochs]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        write_text(self.path / "metrics.jsonl", text)

    def add_metrics(self, entry: dict[str, Any]) -> None:
        """Appends the metrics of an epoch."""
        with (self.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def finish(self, result: dict[str, Any]) -> None:
        """Writes the result, which marks the run as finished."""
        write_json(self.path / "result.json", result)

    def _metric_lines(self) -> Iterator[dict[str, Any]]:
        file = self.path / "metrics.jsonl"
        for line in file.read_text().splitlines() if file.exists() else ():
            try:
                yield json.loads(line)
            except ValueError:
                return  # the last line of a run that was killed while writing it

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self.path / name).read_text())
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path / name} cannot be read ({error})") from error
        return content


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file that appears under its name only when it is complete."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_report(path: Path, content: Any, page: str) -> None:
    """Writes a JSON file of measurements and, beside it, the Markdown page about it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content)
    write_text(path.with_suffix(".md"), page)


def write_text(path: Path, text: str) -> None:
    """Writes a text file that appears under its name only when it is complete."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _plain(config: Config) -> dict[str, Any]:
    """The configuration as it reads in a file."""
    plain: dict[str, Any] = json.loads(json.dumps(config.to_json()))
    return plain


def _difference(theirs: dict, mine: dict) -> str:
    for name in sorted(theirs.keys() | mine.keys()):
        if theirs.get(name) != mine.get(name):
            return f"{name}: there {theirs.get(name)!r}, here {mine.get(name)!r}"
    return "no difference"
