"""Exported weights: they score as the run did, to the bit, or are refused."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments import evaluate, export, train, trained
from experiments.run_folder import RunFolder
from qifjax.data import DataError

WEIGHTS = Path(__file__).parents[1] / "docs/results/weights"

pytestmark = pytest.mark.usefixtures("standard_promotion")


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "weights"
    with jax.numpy_dtype_promotion("standard"):
        export.main([str(finished.path), "--out", str(folder)])
    return folder


def refused(capsys, main, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([*map(str, arguments)])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_weights_are_those_of_the_checkpoint(exported, finished, tmp_path):
    mine, theirs = (trained.load(p, tmp_path) for p in (exported, finished.path))
    for name in ("params", "model_state"):
        ours, others = getattr(mine, name), getattr(theirs, name)
        assert jax.tree.structure(ours) == jax.tree.structure(others)
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(others), strict=True):
            assert a.dtype == b.dtype == np.float32
            np.testing.assert_array_equal(a, b)
    assert mine.folder.metrics() == theirs.folder.metrics()


def test_scores_are_those_of_the_run(exported, finished, tmp_path, capsys):
    out = tmp_path / "scores.json"
    evaluate.main([str(exported), "--out", str(out)])
    mine, theirs = json.loads(out.read_text()), finished.result()
    for name in ("test", "firing_rate", "energy_mj", "config"):
        assert mine[name] == theirs[name]
    # 51,924 parameters and the statistics, without the optimizer's two moments.
    size = sum(file.stat().st_size for file in exported.iterdir())
    assert 4 * 51_924 < size < 4 * 60_000


def test_an_export_replaces_an_older_one_and_nothing_else(exported, tmp_path, capsys):
    folder = tmp_path / "again"
    for _ in range(2):
        export.main([str(exported), "--out", str(folder)])
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == {
        f.name: f.read_bytes() for f in exported.iterdir()
    }
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter").touch()
    line = refused(capsys, export.main, exported, "--out", tmp_path / "thesis")
    assert "choose a new or empty folder" in line
    assert (tmp_path / "thesis/chapter").exists()


def test_weights_and_states_do_not_replace_each_other(
    exported, finished, tmp_path, capsys
):
    state = tmp_path / "state"
    run = ("--workdir", tmp_path / "run", "--pack-state")
    config = ("digits_lenet5", "--epochs", "0", "--limit", "160")
    train.main([*map(str, (*config, *run, state))])
    before = {file.name: file.read_bytes() for file in state.iterdir()}
    line = refused(capsys, export.main, finished.path, "--out", state)
    assert "holds the packed state of a run" in line
    assert before == {file.name: file.read_bytes() for file in state.iterdir()}
    line = refused(capsys, train.main, *config, *run, exported)
    assert "holds exported weights, from which no run can go on" in line


@pytest.mark.parametrize("name", ["part-0.bin", "result.json", "metrics.jsonl"])
def test_damage_is_one_line(exported, tmp_path, capsys, name):
    export.main([str(exported), "--out", str(tmp_path / "damaged")])
    file = tmp_path / "damaged" / name
    file.write_bytes(file.read_bytes() + b"\n")
    line = refused(capsys, evaluate.main, tmp_path / "damaged")
    assert f"damaged packed state: {file} differs from its SHA-256" in line


def test_what_is_no_finished_run_is_refused(tmp_path, capsys):
    assert "holds no run" in refused(capsys, export.main, tmp_path)
    assert not tmp_path.with_name(f"{tmp_path.name}-exported").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "folder", sorted(WEIGHTS.iterdir()), ids=lambda path: path.name
)
def test_the_weights_in_the_repository_score_as_their_run_did(folder, tmp_path, capsys):
    data_dir, out = WEIGHTS.parents[2] / ".data", tmp_path / "scores.json"
    try:
        trained.load(folder, data_dir)
    except DataError as error:
        pytest.skip(str(error))
    evaluate.main([str(folder), "--data-dir", str(data_dir), "--out", str(out)])
    found, expected = json.loads(out.read_text()), RunFolder(folder).result()
    # Rounding differs from machine to machine, and a spike that it flips spreads.
    assert abs(found["test"]["accuracy"] - expected["test"]["accuracy"]) < 0.005
    assert sum(file.stat().st_size for file in folder.iterdir()) < 10e6
