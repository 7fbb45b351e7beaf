"""Manifests: every change of a folder is found and named."""

import hashlib
import json

import pytest

from qifjax import manifest


@pytest.fixture
def listed(tmp_path):
    """A folder of two files and its manifest."""
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_bytes(b"first")
    (folder / "deep" / "b").write_bytes(bytes(100))
    file = tmp_path / "manifest.json"
    manifest.write(folder, file)
    return folder, file


def test_lists_sha256_by_relative_path(listed):
    folder, file = listed
    assert json.loads(file.read_text()) == {
        "a": hashlib.sha256(b"first").hexdigest(),
        "deep/b": hashlib.sha256(bytes(100)).hexdigest(),
    }
    assert manifest.damage(folder, file) == ""


def test_names_what_has_changed(listed):
    folder, file = listed
    (folder / "deep" / "b").write_bytes(bytes(99) + b"\1")
    assert manifest.damage(folder, file) == f"{folder}/deep/b differs from its SHA-256"
    (folder / "deep" / "b").unlink()
    assert manifest.damage(folder, file) == f"{folder}/deep/b is missing"
    (folder / "Z").touch()
    assert manifest.damage(folder, file) == f"{folder}/Z does not belong there"


def test_every_flipped_byte_and_every_end_of_a_manifest_is_found(listed):
    folder, file = listed
    content = file.read_bytes()
    for place in range(len(content)):
        file.write_bytes(content[:place])
        assert manifest.damage(folder, file), place
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        file.write_bytes(flipped)
        assert manifest.damage(folder, file), place


@pytest.mark.parametrize("content", ["[1]", "3", "null", '{"a": 1, "deep/b": []}'])
def test_what_is_not_a_manifest(listed, content):
    folder, file = listed
    file.write_text(content)
    assert str(folder.parent) in manifest.damage(folder, file)


def test_a_file_that_cannot_be_read(listed, monkeypatch):
    folder, file = listed

    def broken(*_):
        raise OSError(5, "Input/output error", "sector")

    monkeypatch.setattr(manifest.hashlib, "file_digest", broken)
    assert "sector cannot be read (Input/output error)" in manifest.damage(folder, file)
