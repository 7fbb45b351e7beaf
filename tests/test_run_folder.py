"""Run folders: one run each, nothing overwritten, nothing half-written."""

import dataclasses
import json

import pytest

from experiments import run_folder
from experiments.config import Config
from experiments.run_folder import RunError, RunFolder, write_json


@pytest.fixture
def folder(tmp_path):
    opened = RunFolder(tmp_path / "run")
    opened.open(Config(), resume=False)
    return opened


def test_opening_writes_the_config(folder):
    assert folder.started
    assert not folder.finished
    assert folder.config() == json.loads(json.dumps(Config().to_json()))


def test_a_folder_belongs_to_one_config(folder):
    other = dataclasses.replace(Config(), learning_rate=0.5)
    for resume in (False, True):
        with pytest.raises(
            RunError, match=r"learning_rate: there 0.001, here 0.5.*--w"
        ):
            folder.open(other, resume=resume)
    assert folder.config()["learning_rate"] == 0.001


def test_a_run_is_gone_on_with_only_when_asked(folder):
    with pytest.raises(RunError, match="an unfinished run.*add --resume"):
        folder.open(Config(), resume=False)
    folder.open(Config(), resume=True)
    folder.finish({"accuracy": 1.0})
    assert folder.finished
    assert folder.result() == {"accuracy": 1.0}
    with pytest.raises(RunError, match="a finished run"):
        folder.open(Config(), resume=False)


def test_a_run_from_before_a_setting_came_is_gone_on_with(folder):
    older = folder.config()
    del older["window"]
    write_json(folder.path / "config.json", older)
    folder.open(Config(), resume=True)
    with pytest.raises(RunError, match="window: there 'analytic', here 'centred'"):
        folder.open(dataclasses.replace(Config(), window="centred"), resume=True)


def test_metrics_behind_the_checkpoint_and_torn_lines_are_dropped(folder):
    folder.start_metrics(0)
    for epoch in (1, 2, 3):
        folder.add_metrics({"epoch": epoch})
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')
    assert [entry["epoch"] for entry in folder.metrics()] == [1, 2, 3]
    folder.start_metrics(2)
    folder.add_metrics({"epoch": 3})
    assert [entry["epoch"] for entry in folder.metrics()] == [1, 2, 3]


def test_a_damaged_config_is_one_error(folder):
    (folder.path / "config.json").write_text("{")
    with pytest.raises(RunError, match=r"config.json cannot be read"):
        folder.open(Config(), resume=True)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_json(path, [1])

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_folder.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_json(path, [2])
    assert json.loads(path.read_text()) == [1]
    assert list(tmp_path.iterdir()) == [path]
