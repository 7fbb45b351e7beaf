"""Runs that are cut into pieces and carried from one folder to another."""

import json
import shutil

import jax
import numpy as np
import pytest

from experiments import engine, provenance, train
from experiments.deadline import Deadline
from experiments.packed_state import PackedState
from experiments.run_folder import RunFolder
from qifjax.checkpoint import Checkpoints
from tests.runs import arrays, sharing_programs, signalled

pytestmark = pytest.mark.usefixtures("standard_promotion")

CONFIG = (
    *("digits_lenet5", "--epochs", "2", "--limit", "160", "--batch-size", "32"),
    *("--optimizer", "sgd", "--learning-rate", "0.05", "--average", "0.5"),
)
"""Ten steps; the state holds momentum and a moving average as well."""


@pytest.fixture(scope="module", autouse=True)
def small_programs():
    with sharing_programs(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_STEPS_A_DISPATCH", 1)
        yield


def run(folder, *arguments):
    train.main([*CONFIG, "--workdir", str(folder), *arguments])
    return RunFolder(folder)


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    with jax.numpy_dtype_promotion("standard"):
        return run(tmp_path_factory.mktemp("uncut") / "run")


class AfterSteps(Deadline):
    """A deadline that comes after some steps, however long they take."""

    def __init__(self, steps):
        super().__init__("enough steps")
        self.left = steps

    def timed(self, act):
        self.left -= act == "steps"
        return super().timed(act)

    def too_near(self, *_):
        return self.left <= 0


@pytest.fixture
def stopping_after(monkeypatch):
    """Lets every run stop after some steps of its own."""

    def stop(steps):
        monkeypatch.setattr(train, "stop_after", lambda *_: AfterSteps(steps))

    return stop


def in_pieces(tmp_path, stopping_after, steps, *arguments):
    """A run of pieces, each in a new folder; the last folder and their number."""
    stopping_after(steps)
    pack = ("--pack-state", str(tmp_path / "pack"), *arguments)
    for piece in range(1, 20):
        folder = run(tmp_path / f"piece-{piece}", *pack)
        if folder.finished:
            return folder, piece
    pytest.fail("the run does not end")


def untimed(entry):
    clocks = ("train_seconds", "examples_per_second")
    return {name: value for name, value in entry.items() if name not in clocks}


def test_ten_pieces_end_in_the_bits_of_the_uncut_run(uncut, tmp_path, stopping_after):
    last, pieces = in_pieces(tmp_path, stopping_after, 1)
    assert pieces == 10
    mine, theirs = arrays(last, 10), arrays(uncut, 10)
    for ours, others in zip(mine, theirs, strict=True):
        assert np.all(ours == others)  # PRNG keys are compared as well
    assert list(map(untimed, last.metrics())) == list(map(untimed, uncut.metrics()))
    assert last.result()["test"] == uncut.result()["test"]
    pack = tmp_path / "pack"
    assert {file.name for file in pack.iterdir()} == {
        *("manifest.json", "part-0.bin"),
        *("config.json", "metrics.jsonl", "result.json"),
    }
    assert (pack / "metrics.jsonl").read_text() == (
        last.path / "metrics.jsonl"
    ).read_text()
    content = json.loads((pack / "manifest.json").read_text())["content"]
    about = {"step": 10, "format": "exact", "finished": True}
    assert content["about"] == about


@pytest.mark.parametrize(
    ("format", "kernel", "momentum"),
    [("bfloat16", "bfloat16", "bfloat16"), ("int8-momentum", "exact", "int8")],
)
def test_shortened_states_train_on(
    uncut, tmp_path, stopping_after, format, kernel, momentum
):
    last, pieces = in_pieces(tmp_path, stopping_after, 2, "--pack-format", format)
    assert pieces == 5
    content = json.loads((tmp_path / "pack/manifest.json").read_text())["content"]
    found = {leaf["path"]: leaf["encoding"] for leaf in content["leaves"]}
    assert found[".state.params['conv2']['conv']['kernel']"] == kernel
    assert found[".state.average['conv2']['conv']['kernel']"] == kernel
    assert {v for k, v in found.items() if "trace" in k and "kernel" in k} == {momentum}
    shortened = {path for path, encoding in found.items() if encoding != "exact"}
    assert all("kernel" in path for path in shortened)
    assert any(
        np.any(mine != theirs)
        for mine, theirs in zip(arrays(last, 10), arrays(uncut, 10), strict=True)
    )
    for mine, theirs in zip(last.metrics(), uncut.metrics(), strict=True):
        assert mine["train_loss"] == pytest.approx(theirs["train_loss"], rel=0.02)
        assert mine["accuracy"] == pytest.approx(theirs["accuracy"], abs=0.05)


def test_a_signal_packs_as_well_and_the_newest_state_is_gone_on_with(
    uncut, tmp_path, monkeypatch, stopping_after, capsys
):
    pack = ("--pack-state", str(tmp_path / "pack"))
    with signalled(monkeypatch):
        first = run(tmp_path / "first", *pack)
    said = capsys.readouterr().out
    assert f"SIGTERM at step 1 of 10; checkpoint: {first.checkpoints}/00000001" in said
    assert f", packed: {tmp_path / 'pack'}; go on with: python -m exp" in said
    older = shutil.copytree(tmp_path / "pack", tmp_path / "older")

    # The same command goes on; the checkpoint is as new as the packed state.
    stopping_after(3)
    run(first.path, *pack)
    assert Checkpoints(first.checkpoints).steps() == [1, 4]
    # An older packed state is left alone by a newer checkpoint, and replaced.
    stopping_after(2)
    run(first.path, "--pack-state", str(older))
    assert Checkpoints(first.checkpoints).steps() == [4, 6]
    assert PackedState(older).step == 6
    # A newer one comes before an older checkpoint, with its metrics.
    second = run(tmp_path / "second", *pack)
    assert Checkpoints(second.checkpoints).steps() == [4, 6]
    shutil.rmtree(second.checkpoints / "00000006")
    (second.path / "metrics.jsonl").write_text("")
    stopping_after(99)
    run(second.path, "--pack-state", str(older), "--resume")
    assert [entry["step"] for entry in second.metrics()] == [5, 10]
    assert second.result()["test"] == uncut.result()["test"]


def test_the_result_names_every_device_that_trained(
    tmp_path, stopping_after, monkeypatch
):
    pack = ("--pack-state", str(tmp_path / "pack"))
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "device", lambda: "an old one")
        stopping_after(5)
        run(tmp_path / "there", *pack)
    stopping_after(99)
    here = run(tmp_path / "here", *pack)
    assert here.result()["device"] == f"an old one and {provenance.device()}"


def test_a_finished_run_is_unpacked_elsewhere_as_it_was(
    uncut, tmp_path, stopping_after, monkeypatch
):
    stopping_after(99)
    pack = ("--pack-state", str(tmp_path / "pack"), "--pack-format", "bfloat16")
    there = run(tmp_path / "there", *pack)
    monkeypatch.setattr(engine, "Programs", lambda *_: pytest.fail("it is compiled"))
    here = run(tmp_path / "here", *pack)
    assert here.result() == there.result()
    assert here.metrics() == there.metrics()
    assert Checkpoints(here.checkpoints).steps() == [10]
    for mine, theirs in zip(arrays(here, 10), arrays(there, 10), strict=True):
        if not jax.dtypes.issubdtype(mine.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(mine, theirs, rtol=2**-8)


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    *_, line = capsys.readouterr().err.strip().splitlines()
    return line


def test_foreign_and_damaged_states_are_refused_before_training(
    tmp_path, stopping_after, capsys
):
    pack = tmp_path / "pack"
    stopping_after(6)
    run(tmp_path / "first", "--pack-state", str(pack))
    capsys.readouterr()
    elsewhere = tmp_path / "second"
    line = refused(capsys, elsewhere, "--pack-state", str(pack), "--seed", "3")
    assert f"{pack} holds a run with another config (seed: there 0, here 3)" in line
    assert "choose another --pack-state" in line
    assert not elsewhere.exists()

    for name in ("part-0.bin", "config.json", "metrics.jsonl", "manifest.json"):
        damaged = shutil.copytree(pack, tmp_path / name)
        content = (damaged / name).read_bytes()
        (damaged / name).write_bytes(content[:-9])
        line = refused(
            capsys, tmp_path / f"{name}-run", "--pack-state", str(damaged)
        ).removeprefix("error: ")
        assert line.startswith(f"damaged packed state: {damaged / name} ")

    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter").touch()
    line = refused(capsys, elsewhere, "--pack-state", str(tmp_path / "thesis"))
    assert "holds no packed state, but something else" in line


def test_a_state_that_is_too_large_is_refused_at_the_start(
    tmp_path, monkeypatch, capsys
):
    # Weights, momentum and average are 51,924 numbers each.
    monkeypatch.setattr("experiments.packed_state._LIMIT", 2 * 2**20)
    line = refused(capsys, tmp_path / "run", "--pack-state", str(tmp_path / "pack"))
    assert "--pack-format exact does not fit 0 MiB (MiB of this state: " in line
    assert "exact 0.6, bfloat16 0.3, int8-momentum 0.4); choose one that does" in line
    assert not (tmp_path / "run").exists()


def test_stop_after_counts_from_the_start_and_takes_one_dispatch(tmp_path, capsys):
    folder = run(tmp_path, "--stop-after", "0.001s")
    said = capsys.readouterr().out
    assert "stopped: --stop-after 0.001s at step 1 of 10; checkpoint: " in said
    assert said.strip().endswith("--stop-after 0.001s --resume")
    assert Checkpoints(folder.checkpoints).steps() == [1]


@pytest.mark.parametrize("text", ["", "0", "-3s", "5 m", "1e3", "soon", "1d", "nan"])
def test_a_bad_time_is_one_line(tmp_path, capsys, text):
    line = refused(capsys, tmp_path / "run", f"--stop-after={text}")
    assert f"such as 520s, 8m, 1.5h or plain seconds, got {text!r}" in line
    assert not (tmp_path / "run").exists()
