"""Virtual environments of the peers, built from the package index."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.contestants import Environment
from benchmarks.peers.worker import PeerError


def build(environment: Environment, folder: Path) -> Path:
    """Makes an environment, unless it is there with these requirements.

    Args:
      environment: what to install.
      folder: where environments are.

    Returns:
      Its interpreter.

    Raises:
      PeerError: if something cannot be installed.
    """
    place = folder.absolute() / environment.name
    python, ready = place / "bin" / "python", place / "requirements.json"
    wanted = json.dumps(environment.requirements)
    if ready.exists() and ready.read_text() == wanted:
        return python
    print(f"building {folder / environment.name}", file=sys.stderr)
    _run(sys.executable, "-m", "venv", "--clear", str(place))
    for requirements in environment.requirements:
        _run(str(python), "-m", "pip", "install", "--quiet", *requirements)
    ready.write_text(wanted)
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
        # The first says what is missing, the last only that something is.
        reason = (errors or done.stderr.split("\n") or [""])[0].removeprefix("ERROR: ")
        raise PeerError(f"{' '.join(command[3:])} failed: {reason}")
