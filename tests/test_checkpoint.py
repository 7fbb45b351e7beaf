"""Checkpoints: exact, verified, and never half-written under their names."""

import json
import resource
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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


def test_restores_exactly_and_keeps_the_newest(tmp_path):
    checkpoints = Checkpoints(tmp_path / "c", keep=2)
    assert checkpoints.steps() == []
    for step in (1, 2, 3):
        checkpoints.save(step, state(step))
    assert checkpoints.steps() == [2, 3]
    assert_same(checkpoints.restore(state()), state(3))
    assert_same(checkpoints.restore(state(), step=2), state(2))
    assert not list((tmp_path / "c").glob("*.partial"))


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "add"])
def test_damage_is_found_and_the_one_before_offered(tmp_path, damage):
    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save(1, state(1))
    checkpoints.save(2, state(2))
    file = max(files(checkpoints, 2), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "truncate":
        file.write_bytes(content[:-1])
    elif damage == "delete":
        file.unlink()
    else:
        file = file.with_name("stranger")
        file.write_bytes(b"x")
    with pytest.raises(CheckpointError, match="damaged.*--resume-step 1") as error:
        checkpoints.restore(state())
    assert str(file) in str(error.value)
    assert_same(checkpoints.restore(state(), step=1), state(1))


def test_a_damaged_manifest_is_found(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state(1))
    manifest = checkpoints.path(1) / "manifest.json"
    assert len(json.loads(manifest.read_text())) == len(files(checkpoints, 1))
    manifest.write_text("{")
    with pytest.raises(
        CheckpointError, match=r"manifest.json cannot be read.*--workdir"
    ):
        checkpoints.restore(state())


def test_what_is_not_there_or_does_not_fit(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        checkpoints.restore(state())
    checkpoints.save(7, state(7))
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
    checkpoints.save(1, state(1))
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
