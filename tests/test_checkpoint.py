"""Checkpoints: exact, verified, and never half-written under their names."""

import json
import resource
import signal
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qifjax import manifest
from qifjax.checkpoint import CheckpointError, Checkpoints


def state(seed=0):
    key = jax.random.key(seed)
    return {
        "params": {"w": jax.random.normal(key, (64, 64))},
        "step": jnp.int32(seed),
        "key": key,
    }


def assert_same(actual, expected):
    np.testing.assert_array_equal(actual["params"]["w"], expected["params"]["w"])
    assert actual["step"] == expected["step"]
    np.testing.assert_array_equal(
        jax.random.key_data(actual["key"]), jax.random.key_data(expected["key"])
    )


def files(checkpoints, step):
    return [p for p in (checkpoints.path(step) / "state").rglob("*") if p.is_file()]


def save(checkpoints, *steps):
    for step in steps:
        checkpoints.save(step, state(step))
    checkpoints.wait()


def damage(checkpoints, step):
    """Flips one bit and says in which file."""
    file = max(files(checkpoints, step), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return str(file)


def test_restores_exactly_and_keeps_the_newest(tmp_path):
    checkpoints = Checkpoints(tmp_path / "c", keep=2)
    assert checkpoints.steps() == []
    save(checkpoints, 1, 2, 3)
    assert checkpoints.steps() == [2, 3]
    assert_same(checkpoints.restore(state()), state(3))
    assert_same(checkpoints.restore(state(), step=2), state(2))
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        "00000002",
        "00000003",
    ]


def test_the_best_is_kept_however_old(tmp_path):
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        for step, best in ((1, 1), (2, 1), (3, 1), (4, 4)):
            checkpoints.save(step, state(step), best)
            checkpoints.wait()
            assert checkpoints.steps() == sorted({best, step})


def test_a_run_that_is_taken_back_is_not_gone_on_with(tmp_path):
    """Older checkpoints count as they did; later ones go when there is a new one."""
    checkpoints = Checkpoints(tmp_path, keep=2)
    save(checkpoints, 2, 9)
    assert_same(checkpoints.restore(state(), step=2), state(2))
    assert checkpoints.steps() == [2, 9]
    save(checkpoints, 3)
    assert checkpoints.steps() == [2, 3]
    checkpoints.save(3, state(10))
    checkpoints.wait()
    assert checkpoints.steps() == [2, 3]
    assert_same(checkpoints.restore(state()), state(10))


def test_a_checkpoint_that_cannot_be_replaced_is_kept(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, keep=1)
    save(checkpoints, 3)
    rename = Path.rename

    def refuse(self, target):
        if self.name == "00000003.partial":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    checkpoints.save(3, state(10))
    with pytest.raises(CheckpointError, match="last good one is .*00000003"):
        checkpoints.wait()
    assert_same(checkpoints.restore(state()), state(3))


@pytest.fixture
def held(monkeypatch):
    """An event without which no checkpoint becomes complete."""
    event = threading.Event()
    complete = manifest.write

    def write(*arguments):
        assert event.wait(20)
        complete(*arguments)

    monkeypatch.setattr(manifest, "write", write)
    return event


def test_the_run_goes_on_while_a_checkpoint_is_written(tmp_path, held):
    """Its memory is reused meanwhile, which must not reach the file."""
    overwrite = jax.jit(
        lambda tree: jax.tree.map(lambda leaf: leaf * 0, tree), donate_argnums=0
    )
    weights = {f"w{i}": jnp.full((256, 256), i, jnp.float32) for i in range(8)}
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, weights)
        for _ in range(3):
            weights = overwrite(weights)
        jax.block_until_ready(weights)
        assert checkpoints.steps() == []
        held.set()
    assert checkpoints.steps() == [1]
    for i, name in enumerate(weights):
        restored = checkpoints.restore(weights)[name]
        np.testing.assert_array_equal(restored, np.full((256, 256), i))


def test_a_save_waits_for_the_one_before(tmp_path, held):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1))
    threading.Timer(0.2, held.set).start()
    checkpoints.save(2, state(2))
    assert checkpoints.steps()[0] == 1
    checkpoints.wait()
    assert checkpoints.steps() == [1, 2]


def wait(checkpoints):
    checkpoints.wait()


def leave(checkpoints):
    with checkpoints:
        pass


@pytest.mark.parametrize("end", [lambda c: save(c, 3), wait, leave])
def test_a_failure_in_the_background_is_raised_at_the_next_point(
    tmp_path, monkeypatch, end
):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(manifest, "write", full)
        checkpoints.save(2, state(2))
        with pytest.raises(
            CheckpointError, match=r"write .*00000002 .*No space.*good one.*00000001"
        ):
            end(checkpoints)
    assert [path.name for path in tmp_path.iterdir()] == ["00000001"]
    save(Checkpoints(tmp_path), 3)
    assert Checkpoints(tmp_path).steps() == [1, 3]


def save_and_fail(checkpoints, release):
    with checkpoints:
        checkpoints.save(1, state(1))
        release.set()
        raise KeyError


def test_an_error_of_the_run_waits_and_is_not_replaced(tmp_path, held):
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(KeyError):
        save_and_fail(checkpoints, held)
    assert checkpoints.steps() == [1]


def test_what_a_killed_run_has_left_is_removed(tmp_path):
    left = tmp_path / "00000007.partial"
    left.mkdir()
    (left / "half").write_bytes(b"x")
    save(Checkpoints(tmp_path), 3)
    assert [path.name for path in tmp_path.iterdir()] == ["00000003"]


def test_the_newest_intact_one_is_used_in_place_of_damaged_ones(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=3)
    save(checkpoints, 1, 2, 3)
    named = [damage(checkpoints, 3), damage(checkpoints, 2)]
    with pytest.warns(UserWarning, match="damaged checkpoint") as said:
        restored = checkpoints.restore(state())
    assert_same(restored, state(1))
    (message,) = [str(warning.message) for warning in said]
    for text in (*named, "going on from", str(checkpoints.path(1))):
        assert text in message
    with pytest.raises(CheckpointError, match="damaged.*--resume takes") as error:
        checkpoints.restore(state(), step=3)
    assert named[0] in str(error.value)
    assert_same(checkpoints.restore(state(), step=1), state(1))


def test_where_none_is_intact_the_error_says_what_to_do(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1, 2)
    damage(checkpoints, 1)
    listing = checkpoints.path(2) / "manifest.json"
    assert len(json.loads(listing.read_text())) == len(files(checkpoints, 2))
    listing.write_text("{")
    with pytest.raises(CheckpointError, match=r"cannot be read.*none.*--workdir"):
        checkpoints.restore(state())


def test_what_is_not_there_or_does_not_fit(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        checkpoints.restore(state())
    save(checkpoints, 7)
    with pytest.raises(CheckpointError, match=r"no checkpoint of step 5.*there are: 7"):
        checkpoints.restore(state(), step=5)
    other = {**state(), "params": {"v": jnp.zeros(3)}}
    with pytest.raises(CheckpointError, match="00000007 does not fit this run"):
        checkpoints.restore(other)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"cannot write checkpoint.*none exists"):
        Checkpoints(tmp_path / "file" / "c").save(1, state())


def test_a_full_disk_loses_nothing(tmp_path):
    """The file-size limit stands in for a full disk: a write fails halfway."""
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(CheckpointError, match="last good one is .*00000001"):
            checkpoints.save(2, state(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert checkpoints.steps() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["00000001"]
    assert_same(checkpoints.restore(state()), state(1))
