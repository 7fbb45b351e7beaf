"""Official archives: fetched from a web address or a local folder, and verified."""

import hashlib
import http.client
import os
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from qifjax.data.errors import DataError

_TIMEOUT_S = 60


@dataclass(frozen=True)
class Archive:
    """One official file.

    Attributes:
      name: file name.
      md5: MD5 of its bytes in hexadecimal digits, as published.
    """

    name: str
    md5: str


def fetch(archive: Archive, source: str, folder: Path) -> Path:
    """Gets one file, unless it is there already, and verifies it.

    Args:
      archive: the file.
      source: a web address (``http://`` or ``https://``) or a local folder that holds
        it.
      folder: where to put it.

    Returns:
      The path of the verified file, which has its final name only if it is intact.

    Raises:
      DataError: if the file cannot be had or is not the official one.
    """
    target = folder / archive.name
    if target.exists() and _md5(target) == archive.md5:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    # Another process may fetch it as well.
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with _open(archive.name, source) as stream, partial.open("wb") as file:
            shutil.copyfileobj(stream, file)
            length = getattr(stream, "length", None)
        if length:
            raise DataError(
                f"{archive.name} from {source} is incomplete: {length:,} bytes did not "
                "come; fetch it again"
            )
        found = _md5(partial)
        if found != archive.md5:
            raise DataError(
                f"{archive.name} from {source} is not the official file: MD5 {found}, "
                f"expected {archive.md5}; fetch it again or from elsewhere"
            )
        partial.replace(target)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DataError(
            f"cannot get {archive.name} from {source} ({error}); download it by hand "
            f"into a folder FOLDER and pass --source FOLDER"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _open(name: str, source: str):
    if source.startswith(("http://", "https://")):
        address = f"{source.rstrip('/')}/{name}"
        return urllib.request.urlopen(address, timeout=_TIMEOUT_S)
    return (Path(source) / name).open("rb")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
