"""Where a result comes from, also where there is neither a package nor a history."""

import importlib.metadata

import pytest

from experiments import markdown, provenance


def test_code_that_is_imported_from_its_folder(monkeypatch):
    version = importlib.metadata.version

    def missing(name):
        if name == "qifjax":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    said = markdown.origin(provenance.describe())
    assert f"qifjax not installed, jax {version('jax')}, " in said


@pytest.mark.parametrize("told", [None, "0123abc"])
def test_a_folder_without_history_is_of_the_commit_that_it_is_told(
    told, tmp_path, monkeypatch
):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if told is None:
        monkeypatch.delenv("QIFJAX_COMMIT", raising=False)
    else:
        monkeypatch.setenv("QIFJAX_COMMIT", told)
    found = provenance.describe()
    assert found["git_commit"] == told
    assert markdown.origin(found).endswith(
        "; commit 0123abc)" if told else "no commit)"
    )
