"""Packed trees: exact or within their bounds, verified, and never half-written."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from qifjax import packed
from qifjax.checkpoint import CheckpointError
from tests.official_files import fuzz, mutate, mutations

DTYPES = ("float32", "float64", "int32", "uint8", "bool")
shapes = arrays.array_shapes(min_dims=0, max_dims=4, max_side=5)
any_array = st.sampled_from(DTYPES).flatmap(lambda d: arrays.arrays(d, shapes))
# Within what bfloat16 rounds to a finite number.
finite = st.floats(-(2.0**126), 2.0**126, width=32)
matrices = arrays.arrays(
    "float32", arrays.array_shapes(min_dims=2, max_side=5), elements=finite
)


def exact(*_):
    return "exact"


def tree(seed=0):
    key = jax.random.key(seed)
    return {
        "w": jax.random.normal(key, (40, 30)),
        "half": jnp.arange(6, dtype=jnp.bfloat16),
        "step": jnp.int32(seed),
        "key": jax.random.key(seed, impl="rbg"),
        "none": None,
    }


def write(folder, value, encoding_of=exact, **about):
    packed.write(folder, value, encoding_of, {"note.txt": b"a note"}, about)


def assert_same(actual, expected):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for mine, theirs in zip(*map(jax.tree.leaves, (actual, expected)), strict=True):
        assert mine.dtype == theirs.dtype
        if jax.dtypes.issubdtype(mine.dtype, jax.dtypes.prng_key):
            mine, theirs = map(jax.random.key_data, (mine, theirs))
        assert np.asarray(mine).tobytes() == np.asarray(theirs).tobytes()


def test_a_state_comes_back_with_its_keys_and_what_is_attached(tmp_path):
    folder = tmp_path / "deep" / "state"
    assert not packed.exists(folder)
    write(folder, tree(3), step=3)
    assert packed.exists(folder)
    assert packed.about(folder) == {"step": 3}
    assert packed.attached(folder, "note.txt") == b"a note"
    assert_same(packed.read(folder, tree()), tree(3))
    write(folder, tree(4), step=4)
    assert packed.about(folder) == {"step": 4}
    assert_same(packed.read(folder, tree()), tree(4))
    assert [path.name for path in folder.parent.iterdir()] == ["state"]
    # 1,200 float32, 6 bfloat16, one int32 and the four words of the key.
    assert packed.size(tree(), exact) == 4 * 1200 + 2 * 6 + 4 + 16


@fuzz
@given(st.lists(any_array, max_size=4))
def test_exact_is_exact(tmp_path, leaves):
    """Also NaN, infinities, minus zero and arrays in another memory order."""
    leaves = [np.asfortranarray(leaf) for leaf in leaves]
    write(tmp_path / "x", leaves)
    assert_same(packed.read(tmp_path / "x", leaves), leaves)


@fuzz
@given(matrices)
def test_bfloat16_is_off_by_its_rounding(tmp_path, array):
    write(tmp_path / "x", [array], lambda *_: "bfloat16")
    (found,) = packed.read(tmp_path / "x", [array])
    assert found.dtype == np.float32
    # The smallest step between its numbers is 2^-133.
    bound = np.maximum(np.abs(array.astype(np.float64)) * 2.0**-8, 2.0**-134)
    assert np.all(np.abs(found.astype(np.float64) - array) <= bound)
    # Bfloat16 numbers themselves are kept.
    write(tmp_path / "x", [found], lambda *_: "bfloat16")
    assert_same(packed.read(tmp_path / "x", [array]), [found])


@fuzz
@given(matrices)
def test_int8_is_off_by_half_a_step_of_its_channel(tmp_path, array):
    write(tmp_path / "x", [array], lambda *_: "int8")
    (found,) = packed.read(tmp_path / "x", [array])
    assert found.dtype == np.float32
    wide = array.astype(np.float64)
    largest = np.abs(wide).max(tuple(range(array.ndim - 1)), initial=0)
    # A step below the smallest float32 cannot be written; all of it becomes zero.
    bound = largest / 127 / 2 * (1 + 1e-4) + 127 * 2.0**-149
    assert np.all(np.abs(found - wide) <= bound)
    assert np.all(found[array == 0] == 0)


def test_channels_have_scales_of_their_own(tmp_path):
    array = np.float32([[127, 1e-3], [-64, -2.54e-3]])
    write(tmp_path / "x", {"w": array}, lambda *_: "int8")
    content = json.loads((tmp_path / "x/manifest.json").read_text())["content"]
    assert content["leaves"] == [
        {"path": "['w']", "shape": [2, 2], "dtype": "float32", "encoding": "int8"}
    ]
    data = (tmp_path / "x/part-0.bin").read_bytes()
    assert np.frombuffer(data, np.int8, offset=8).tolist() == [127, 50, -64, -127]
    (found,) = packed.read(tmp_path / "x", {"w": array}).values()
    np.testing.assert_allclose(found, array, rtol=1e-6)


def test_what_an_encoding_does_not_know_is_refused(tmp_path):
    def int8(*_):
        return "int8"

    with pytest.raises(CheckpointError, match=r"\['n'\] of int32 cannot be int8"):
        write(tmp_path / "x", {"n": jnp.zeros((2, 2), jnp.int32)}, int8)
    for value in (np.nan, np.inf):
        with pytest.raises(CheckpointError, match=r"\['w'\] is not finite"):
            write(tmp_path / "x", {"w": np.full((2, 2), value, np.float32)}, int8)
    assert list(tmp_path.iterdir()) == []


def test_parts_are_cut_and_put_together(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "PART_BYTES", 1000)
    write(tmp_path / "x", tree(5))
    sizes = [f.stat().st_size for f in sorted((tmp_path / "x").glob("part-*"))]
    assert sizes == [1000] * 4 + [packed.size(tree(), exact) - 4000]
    assert_same(packed.read(tmp_path / "x", tree()), tree(5))
    (tmp_path / "x/part-3.bin").unlink()
    with pytest.raises(CheckpointError, match=r"damaged packed state: .*part-3.bin is"):
        packed.read(tmp_path / "x", tree())


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intact") / "x"
    write(folder, tree(6), step=6)
    return folder


@pytest.mark.parametrize("name", ["manifest.json", "part-0.bin", "note.txt"])
@fuzz
@given(mutation=mutations)
def test_damage_is_refused_by_name(intact, tmp_path, name, mutation):
    folder = tmp_path / "damaged"
    shutil.copytree(intact, folder, dirs_exist_ok=True)
    file = folder / name
    file.write_bytes(mutate(file.read_bytes(), mutation))
    try:
        found, note = packed.read(folder, tree()), packed.attached(folder, "note.txt")
    except CheckpointError as error:
        message = str(error)
    else:
        # White space of the manifest may be another white space.
        assert name == "manifest.json"
        assert_same(found, tree(6))
        assert note == b"a note"
        return
    assert f"damaged packed state: {file}" in message
    assert f"copy {folder} there again" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"w": jnp.zeros((40, 31))},
            r"\['w'\] is float32 \[40, 30\] there and float32",
        ),
        ({"step": jnp.float32(0)}, r"\['step'\] is int32 \[\] there and float32 \[\] "),
        ({"more": jnp.zeros(3)}, r"\['more'\] is missing there and float32 \[3\] here"),
        ({"half": None}, r"\['half'\] is bfloat16 \[6\] there and missing here"),
    ],
)
def test_another_structure_is_refused(intact, change, message):
    with pytest.raises(CheckpointError, match=f"does not fit this run: {message}"):
        packed.read(intact, {**tree(), **change})


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "empty").mkdir()
    assert not packed.exists(tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").touch()
    (tmp_path / "file").touch()
    for name in ("full", "file"):
        with pytest.raises(CheckpointError, match="holds no packed state, but someth"):
            packed.exists(tmp_path / name)


class Killed(BaseException):
    """Ends a write as a signal would that nobody handles."""


@pytest.mark.parametrize("moment", range(6))
def test_an_interrupted_write_leaves_the_old_state_or_the_new(
    tmp_path, monkeypatch, moment
):
    """It dies before each of the three files, the two renames, and the removal."""
    folder = tmp_path / "x"
    write(folder, tree(1), step=1)
    calls = []

    def dying(function):
        def call(*arguments, **keywords):
            calls.append(function)
            if len(calls) == moment + 1:
                raise Killed
            return function(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(packed, "_write_file", dying(packed._write_file))
        path = type(folder)
        patch.setattr(path, "rename", dying(path.rename))
        remove, removed = shutil.rmtree, dying(shutil.rmtree)
        # A process that is killed cleans up nothing.
        patch.setattr(
            shutil,
            "rmtree",
            lambda place, **k: (
                removed(place)
                if place.name == "x.previous" and place.exists()
                else len(calls) <= moment and remove(place, **k)
            ),
        )
        with pytest.raises(Killed):
            write(folder, tree(2), step=2)
    assert packed.exists(folder)
    step = packed.about(folder)["step"]
    assert step == (2 if moment == 5 else 1)
    assert_same(packed.read(folder, tree()), tree(step))
    write(folder, tree(3), step=3)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert_same(packed.read(folder, tree()), tree(3))
