"""Packed images: equal to what TFDS gives, and refused by name where they are not."""

import gzip
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from qifjax import data
from qifjax.data import cifar, packed_images, tfds_arrays
from tests.official_files import fuzz, mutate, mutations, read_or_refused
from tests.packed_files import CLASSES, random_images, write_cifar10, write_zip

REAL = Path("../shared/data")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("packed")
    return data_dir, write_cifar10(data_dir)


def same(mine, theirs):
    np.testing.assert_array_equal(mine.inputs, theirs.inputs)
    np.testing.assert_array_equal(mine.labels, theirs.labels)
    assert mine.class_names == theirs.class_names
    assert mine.description.checksum == theirs.description.checksum
    assert mine.description.split_rule == theirs.description.split_rule


@pytest.mark.parametrize("split", data.SPLITS)
def test_the_arrays_are_those_of_tfds_in_its_order(packed, tmp_path, split):
    data_dir, splits = packed
    names = cifar.CIFAR10_CLASSES
    tfds_arrays.write(tmp_path, "cifar10", "3.0.2", names, splits)
    mine = data.load("cifar10", data_dir, split)
    same(mine, data.load("cifar10", tmp_path, split))
    assert mine.inputs.dtype == np.uint8
    assert mine.labels.dtype == np.int32
    assert mine.description.source.endswith(",000 images in packed cifar10")


def test_the_layout_of_tfds_comes_first(tmp_path):
    write_cifar10(tmp_path)
    splits = {"train": random_images(20, 5), "test": random_images(10, 6)}
    tfds_arrays.write(tmp_path, "cifar10", "3.0.2", cifar.CIFAR10_CLASSES, splits)
    assert "TFDS" in data.load("cifar10", tmp_path).description.source


def test_another_file_is_never_read_from_the_cache(tmp_path):
    write_cifar10(tmp_path, parts=1)
    before = data.load("cifar10", tmp_path).description.checksum
    folder = packed_images.find(tmp_path, "cifar10")
    file = folder / "cifar10-train-00-of-01.zip"
    write_zip(file, "train", *random_images(24, 9))
    assert data.load("cifar10", tmp_path).description.checksum != before


def test_fashion_mnist_is_read_from_its_official_files(tmp_path):
    folder = tmp_path / "packed" / "fashion_mnist"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 28, 28), np.uint8)
    labels = (np.arange(12) % 10).astype(np.uint8)
    for stem in ("train", "t10k"):
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            magic = 2051 if array.ndim == 3 else 2049
            sizes = np.asarray([magic, *array.shape], ">u4").tobytes()
            file = folder / f"{stem}-{kind}-ubyte.gz"
            file.write_bytes(gzip.compress(sizes + array.tobytes()))
    names = data.load("fashion_mnist", tmp_path).class_names
    splits = dict.fromkeys(("train", "test"), (images[..., None], labels))
    tfds_arrays.write(tmp_path / "tfds", "fashion_mnist", "3.0.1", names, splits)
    for split in ("train", "test"):
        expected = data.load("fashion_mnist", tmp_path / "tfds", split)
        same(data.load("fashion_mnist", tmp_path, split), expected)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(data.DataError, match="lacks t10k-labels-idx1-ubyte.gz"):
        data.load("fashion_mnist", tmp_path, "test")


def test_what_is_missing_is_named(tmp_path):
    write_cifar10(tmp_path, parts=3)
    folder = packed_images.find(tmp_path, "cifar10")
    (folder / "cifar10-train-00-of-03.zip").unlink()
    (folder / "cifar10-train-02-of-03.zip").unlink()
    message = (
        "cifar10 lacks cifar10-train-00-of-03.zip, cifar10-train-02-of-03.zip "
        ".2 of the 3 files of train.; copy them there"
    )
    with pytest.raises(data.DataError, match=message):
        data.load("cifar10", tmp_path)
    assert len(data.load("cifar10", tmp_path, "test")) == 10
    for file in folder.glob("*train*"):
        file.unlink()
    with pytest.raises(data.DataError, match="cifar10-train-00-of-NN.zip .*found none"):
        data.load("cifar10", tmp_path)
    for other in ("cifar10-test-00-of-04.zip", "cifar10-test-x.zip"):
        (folder / other).write_bytes(b"")
        with pytest.raises(data.DataError, match=f"of one NN, found .*{other}"):
            data.load("cifar10", tmp_path, "test")
        (folder / other).unlink()
    with pytest.raises(data.DataError, match="python -m experiments.prepare cifar100"):
        data.load("cifar100", tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "cifar100"}, "does not hold train of cifar10"),
        ({"split": "test"}, "does not hold train of cifar10"),
        ({"class_names": CLASSES[::-1]}, "does not hold train of cifar10"),
        ({"count": 7}, "holds 6 images and 6 labels of 7"),
        ({"labels": [0, 1]}, "holds 6 images and 2 labels of 6"),
        ({"labels": [0, 1, 2, 3, 4, 10]}, "needs labels in 0 to 9"),
        ({"shape": [32, 31, 3]}, "is not an intact zip of image strips"),
    ],
)
def test_a_wrong_index_is_refused(tmp_path, changes, message):
    folder = tmp_path / "packed" / "cifar10"
    folder.mkdir(parents=True)
    file = folder / "cifar10-train-00-of-01.zip"
    write_zip(file, "train", *random_images(6), changes=changes)
    with pytest.raises(data.DataError, match=message):
        data.load("cifar10", tmp_path)


@fuzz
@given(mutation=mutations)
def test_a_damaged_zip_is_refused_or_read_right(packed, mutation):
    data_dir, _ = packed
    paths = packed_images.files(packed_images.find(data_dir, "cifar10"), "test")
    intact = paths[0].read_bytes()
    expected = packed_images.read(paths, "test", CLASSES)
    damaged = data_dir / "damaged" / "cifar10" / paths[0].name
    damaged.parent.mkdir(parents=True, exist_ok=True)
    damaged.write_bytes(mutate(intact, mutation))
    found = read_or_refused(
        damaged, packed_images.read, [damaged, paths[1]], "test", CLASSES
    )
    if found is not None:
        np.testing.assert_array_equal(found.inputs, expected.inputs)
        np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion_mnist"])
def test_real_sets_are_the_same_in_both_layouts(tmp_path, name):
    if not (REAL / name).is_dir():
        pytest.skip(f"the packed files are not there ({REAL / name})")
    (tmp_path / "packed").mkdir()
    os.symlink((REAL / name).absolute(), tmp_path / "packed" / name)
    for split in ("train", "test"):
        mine = data.load(name, tmp_path, split)
        try:
            same(mine, data.load(name, split=split))
        except data.DataError as error:
            pytest.skip(str(error))


def test_what_reads_them_is_named_where_it_is_missing(packed, monkeypatch, tmp_path):
    shutil.copytree(packed[0] / "packed", tmp_path / "packed")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(
        data.DataError, match=r"need Pillow .*pip install 'qifjax\[data"
    ):
        data.load("cifar10", tmp_path)
