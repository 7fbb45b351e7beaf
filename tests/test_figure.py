"""Figures appear only when they are complete, or say what is missing."""

import sys

import pytest

from experiments import figure as figures
from qifjax.data import DataError


def test_a_figure_is_written_with_its_folder(tmp_path):
    figure = figures.new(2, 1)
    figure.subplots().plot([0, 1])
    figures.save(figure, tmp_path / "new" / "x.png", dpi=50)
    assert (tmp_path / "new" / "x.png").read_bytes()[:4] == b"\x89PNG"


def test_a_failed_figure_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    figure = figures.new(2, 1)

    def full(partial, **_):
        partial.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", full)
    with pytest.raises(OSError, match="No space"):
        figures.save(figure, path, dpi=50)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(DataError, match=r"pip install 'qifjax\[figures\]'"):
        figures.new(2, 1)
