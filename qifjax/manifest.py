"""A list of the SHA-256 of every file of a folder, and whether it still holds."""

import hashlib
import json
from pathlib import Path


def write(folder: Path, manifest: Path) -> None:
    """Writes the manifest of a folder.

    Args:
      folder: what is listed, with everything below it.
      manifest: the file to write, outside of the folder.
    """
    # Its last character closes it, so that no shorter file is a manifest.
    manifest.write_text(json.dumps(_digests(folder), indent=2))


def damage(folder: Path, manifest: Path) -> str:
    """What is wrong with a folder, or an empty string.

    Args:
      folder: what :func:`write` has listed.
      manifest: the file that it has written.

    Returns:
      A sentence without a full stop that names the first file that is damaged, missing
      or should not be there.
    """
    try:
        expected = dict(json.loads(manifest.read_text()))
    except (OSError, ValueError, TypeError) as error:
        return f"{manifest} cannot be read ({error})"
    try:
        found = _digests(folder)
    except OSError as error:
        return f"{error.filename} cannot be read ({error.strerror})"
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            return f"{folder / name} is missing"
        if name not in expected:
            return f"{folder / name} does not belong there"
        if found[name] != expected[name]:
            return f"{folder / name} differs from its SHA-256"
    return ""


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by relative path."""
    digests = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        digests[path.relative_to(folder).as_posix()] = digest
    return digests
