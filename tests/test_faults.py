"""Faults: what plants and observes them, with small ones; the script itself is slow."""

import functools
import json
import shutil
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.faults import __main__ as faults
from experiments.faults import damages, page, planted, signals
from experiments.faults.journal import Journal
from experiments.faults.subject import Ended, arrays, raw, same_bits
from experiments.run_folder import RunError, RunFolder
from qifjax import manifest, training
from qifjax.checkpoint import Checkpoints
from tests import toy


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Two checkpoints that differ in one number."""
    folder = Checkpoints(tmp_path_factory.mktemp("checkpoints"))
    for step in (1, 2):
        weights = jnp.ones((20, 20)).at[3, 4].set(step)
        folder.save(step, {"w": weights, "key": jax.random.key(3)})
    folder.wait()
    return folder


def test_arrays_are_compared_to_the_bit(checkpoints):
    one, two = map(checkpoints.path, (1, 2))
    assert set(arrays(one)) == {"['w']", "['key']"}
    assert arrays(two)["['w']"][3, 4] == 2
    assert same_bits(one, one)
    assert not same_bits(one, two)


@pytest.mark.parametrize("i", range(len(damages.KINDS)))
def test_every_kind_of_damage_is_observed(checkpoints, tmp_path, i):
    like = raw(checkpoints.path(2))
    observe = damages.restore_damaged
    seen = observe(checkpoints, like, tmp_path / "copies", 5, i)
    assert seen["passed"], seen
    assert seen["kind"] == damages.KINDS[i]
    whole = checkpoints.path(2) / seen["file"]
    assert whole.exists() != (seen["kind"] == "file added")
    copy = tmp_path / "copies" / "00000002" / seen["file"]
    if copy.exists() and whole.exists():
        assert copy.read_bytes() != whole.read_bytes()


def test_damage_that_nobody_looks_for_is_a_failure(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "damage", lambda *_: "")
    like = raw(checkpoints.path(2))
    i = damages.KINDS.index("manifest truncated")
    seen = damages.restore_damaged(checkpoints, like, tmp_path / "copies", 5, i)
    assert (seen["passed"], seen["detected"], seen["one_before_used"]) == (
        *(False, False),
        False,
    )


@pytest.mark.usefixtures("standard_promotion")
def test_the_planted_nan_is_in_the_batch_of_its_step_alone(monkeypatch):
    monkeypatch.setattr(training, "train_step", training.train_step)
    planted.nan_in_batch("1")
    task, hparams, examples = toy.task(), toy.hparams(), toy.examples()
    state = training.init_state(task, hparams, jax.random.key(0), examples.inputs[:2])
    run = jax.jit(functools.partial(training.train_steps, task))
    order = training.epoch_order(state, 40, 8)
    for steps, bad in ((1, -1), (2, 1)):
        _, totals = run(state, examples, order, hparams, jnp.int32(steps))
        assert totals.bad_step == bad


def test_the_planted_limit_comes_with_the_second_checkpoint(tmp_path, monkeypatch):
    limits = []
    monkeypatch.setattr(Checkpoints, "_prepare", Checkpoints._prepare)
    monkeypatch.setattr(
        planted.resource, "setrlimit", lambda kind, limit: limits.append(limit[0])
    )
    planted.file_size_limit("within")
    checkpoints = Checkpoints(tmp_path)
    for step, number in ((1, 0), (2, 1)):
        checkpoints.save(step, {"w": np.ones(3)})
        checkpoints.wait()
        assert len(limits) == number


def test_a_journal_goes_on_where_it_was(tmp_path, capsys):
    path = tmp_path / "journal.json"
    seen = []

    def once(i):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(i)
        return {"passed": i != 1}

    with pytest.raises(KeyboardInterrupt):
        Journal(path, {"seed": 1}).observe("flood", 4, once)
    again = Journal(path, {"seed": 1})
    assert again["flood"] == [{"passed": True}, {"passed": False}]
    again.observe("flood", 3, lambda i: {"passed": True, "i": i})
    assert again["flood"][2] == {"passed": True, "i": 2}
    assert "flood 2/4: FAILED" in capsys.readouterr().out
    with pytest.raises(RunError, match="choose another --workdir"):
        Journal(path, {"seed": 2})


def test_what_a_run_is_writing_and_what_was_left_before(tmp_path):
    folder = RunFolder(tmp_path)
    left = folder.checkpoints / "00000005.partial"
    left.mkdir(parents=True)
    start = left.stat().st_ctime
    assert signals._writing(folder, start) == "nothing"
    partial = folder.checkpoints / "00000010.partial"
    time.sleep(0.02)  # the clock of a file system is coarse
    for made, expected in (
        (partial / "state.orbax-checkpoint-tmp", "bytes"),
        (partial / "state", "checksums"),
        (partial / "manifest.json", "naming"),
    ):
        made.mkdir(parents=True)
        assert signals._writing(folder, start) == expected
    shutil.rmtree(partial)
    (folder.checkpoints / "tmpabc.partial").mkdir()
    assert signals._writing(folder, start) == "removing"


def test_one_line_is_one_line():
    assert Ended(2, ["epoch"], ["error: no"]).refused_in_one_line
    for code, lines in ((1, ["error: no"]), (2, []), (2, ["Traceback", "error: no"])):
        assert not Ended(code, [], lines).refused_in_one_line


def test_the_page_counts_what_was_seen():
    origin = {"device": "CPU", "versions": {"jax": "1"}, "git_commit": None}
    kill = {"intact": True, "went_on": True, "newest_after": 5, "said": []}
    killed = [
        {**kill, "passed": True, "during": "bytes"},
        {**kill, "passed": True, "during": "bytes"},
        {**kill, "passed": False, "during": "nothing", "intact": False},
    ]
    nan = {"passed": True, "fault": "at step 7", "code": 2, "said": ["error: x"]}
    nan |= {"intact": True, "same_end": True}
    text = page.render({page.KILLED: killed, page.NAN: [nan]}, "make faults", origin)
    (row,) = [line for line in text.splitlines() if line.startswith("| kill -9")]
    assert "| 3 | 2 within a write (bytes: 2); afterwards 2 times" in row
    assert row.endswith("| 2 of 3 |")
    assert "at step 7: 1; exit code 2: 1; the last checkpoint is intact 1 times" in text
    assert "- NaN in a batch: `error: x`" in text


@pytest.mark.slow
def test_the_whole_script_in_small(tmp_path):
    page_file = tmp_path / "docs" / "faults.md"
    numbers = ("--kills", "2", "--signals", "1", "--damages", "3", "--refusals", "1")
    places = ("--out", str(page_file), "--workdir", str(tmp_path / "runs"))
    faults.main([*numbers, *places])
    text = page_file.read_text()
    assert "| 2 of 2 |" in text
    assert str(tmp_path / "runs") not in text.split("Each fault")[1]
    seen = json.loads(page_file.with_suffix(".json").read_text())["faults"]
    assert set(seen) == set(page.FAULTS)
    assert all(one["passed"] for ones in seen.values() for one in ones)
