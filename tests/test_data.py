"""Data sets: what load returns, how splits are chosen, what it says when it cannot."""

import dataclasses

import numpy as np
import pytest

from qifjax import data
from qifjax.data import array_cache, fashion_mnist, tfds_arrays
from qifjax.data.splits import hashed_fraction


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28, 1), np.uint8)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Twenty training and ten test images in TFDS's layout, as ArrayRecord."""
    data_dir = tmp_path_factory.mktemp("data")
    splits = {
        "train": (images(20), np.arange(20) % 10),
        "test": (images(10, seed=1), np.arange(10)),
    }
    names = fashion_mnist.CLASS_NAMES
    tfds_arrays.write(data_dir, "fashion_mnist", "3.0.1", names, splits)
    return data_dir, splits


def test_digits_are_embedded_and_real():
    train, test = data.load("digits"), data.load("digits", split="test")
    assert len(train) + len(test) == 1797
    assert train.shape == (28, 28, 1)
    assert (train.inputs.dtype, train.labels.dtype) == (np.uint8, np.int32)
    assert train.inputs.min() == 0
    assert train.inputs.max() == 255
    assert train.class_names == tuple("0123456789")
    # A nearest-centroid classifier recognises them, so images and labels belong
    # together.
    centroids = np.stack([train.inputs[train.labels == c].mean(0) for c in range(10)])
    distances = ((test.inputs[:, None] - centroids) ** 2).sum((2, 3, 4))
    assert (distances.argmin(1) == test.labels).mean() > 0.85


def test_splits_partition_the_training_examples():
    parts = {split: data.load("digits", split=split) for split in data.SPLITS}
    assert len(parts["fit"]) + len(parts["validation"]) == len(parts["train"])
    assert 0.05 < len(parts["validation"]) / len(parts["train"]) < 0.15
    contents = {k: {x.tobytes() for x in part.inputs} for k, part in parts.items()}
    assert not contents["fit"] & contents["validation"]
    assert not contents["train"] & contents["test"]
    assert contents["fit"] | contents["validation"] == contents["train"]
    checksums = {part.description.checksum for part in parts.values()}
    assert len(checksums) == len(parts)


def test_hashes_follow_the_example_not_its_place():
    examples = images(500)
    order = np.random.default_rng(1).permutation(500)
    numbers = hashed_fraction(examples, "validation")
    np.testing.assert_array_equal(
        hashed_fraction(examples[order], "validation"), numbers[order]
    )
    assert np.all((numbers >= 0) & (numbers < 1))
    assert abs(numbers.mean() - 0.5) < 0.05
    other = hashed_fraction(examples, "test")
    assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.15


@pytest.mark.parametrize("nested", [True, False])
def test_reads_the_layout_of_tfds(prepared, nested):
    data_dir, splits = prepared
    folder = data_dir if nested else data_dir / "tfds"
    for split in ("train", "test"):
        part = data.load("fashion_mnist", folder, split)
        order = np.lexsort(part.inputs.reshape(len(part), -1).T)
        expected, labels = splits[split]
        expected_order = np.lexsort(expected.reshape(len(expected), -1).T)
        np.testing.assert_array_equal(part.inputs[order], expected[expected_order])
        np.testing.assert_array_equal(part.labels[order], labels[expected_order])
        assert part.class_names[9] == "Ankle boot"
        whole = {"train": "60,000", "test": "10,000"}[split]
        said = f"sample: {len(part)} of {whole} images in TFDS fashion_mnist 3.0.1"
        assert part.description.source == said


def test_second_load_reads_the_cache_and_a_damaged_cache_is_rebuilt(
    prepared, monkeypatch
):
    data_dir, _ = prepared
    first = data.load("fashion_mnist", data_dir)
    (cached,) = (data_dir / "cache").glob("fashion_mnist-3.0.1-train-*/inputs.npy")
    damaged = bytearray(cached.read_bytes())
    damaged[-1] ^= 1
    cached.write_bytes(damaged)
    again = data.load("fashion_mnist", data_dir)
    assert dataclasses.asdict(again.description) == dataclasses.asdict(
        first.description
    )
    monkeypatch.setattr(tfds_arrays, "read", lambda *_: pytest.fail("read TFDS again"))
    data.load("fashion_mnist", data_dir)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("a.npy", b""),
        ("a.npy", b"PK\3\4" + bytes(60)),
        ("a.npy", b"\x93NUMPY\1\0\x16\0{'descr': '<i8', 'shap\n"),
        ("manifest.json", b"[]"),
        ("manifest.json", b"null"),
        ("manifest.json", b""),
    ],
)
def test_a_cache_that_no_parser_takes_is_rebuilt(tmp_path, file, content):
    for _ in range(2):
        arrays = array_cache.load_or_build(tmp_path / "x", lambda: {"a": np.arange(3)})
        np.testing.assert_array_equal(arrays["a"], [0, 1, 2])
        (tmp_path / "x" / file).write_bytes(content)


def test_a_cache_is_for_everyone_who_may_see_the_folder(tmp_path):
    (tmp_path / "cache").mkdir(mode=0o755)
    array_cache.load_or_build(tmp_path / "cache/x", lambda: {"a": np.arange(3)})
    assert (tmp_path / "cache/x").stat().st_mode & 0o777 == 0o755


def test_cache_survives_a_full_disk(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    arrays = array_cache.load_or_build(tmp_path / "x", lambda: {"a": np.arange(3)})
    np.testing.assert_array_equal(arrays["a"], [0, 1, 2])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        ("fashion", "train", "unknown data set 'fashion' .known: .*fashion_mnist"),
        ("digits", "dev", "unknown split 'dev' .known: train, test, fit, validation"),
        (
            "fashion_mnist",
            "train",
            "python -m experiments.prepare fashion_mnist --data-dir",
        ),
    ],
)
def test_what_is_not_there(tmp_path, name, split, message):
    with pytest.raises(data.DataError, match=message):
        data.load(name, tmp_path, split)


def test_damaged_and_foreign_tfds_folders(tmp_path, prepared):
    data_dir, splits = prepared
    names = fashion_mnist.CLASS_NAMES
    folder = tfds_arrays.write(tmp_path, "fashion_mnist", "3.0.1", names, splits)
    with pytest.raises(data.DataError, match="exists already"):
        tfds_arrays.write(tmp_path, "fashion_mnist", "3.0.1", names, splits)
    info = folder / "dataset_info.json"
    intact = info.read_text()
    info.write_text(intact.replace("array_record", "tfrecord"))
    with pytest.raises(data.DataError, match="only TensorFlow reads"):
        data.load("fashion_mnist", tmp_path)
    info.write_text(intact)
    (records,) = folder.glob("*train.array_record*")
    records.write_bytes(records.read_bytes()[:1000])
    with pytest.raises(
        data.DataError, match="cannot read train of .* prepare the data set again"
    ):
        data.load("fashion_mnist", tmp_path)


def test_real_fashion_mnist():
    try:
        train, test = (
            data.load("fashion_mnist"),
            data.load("fashion_mnist", split="test"),
        )
    except data.DataError as error:
        pytest.skip(str(error))
    assert (train.inputs.shape, test.inputs.shape) == (
        (60000, 28, 28, 1),
        (10000, 28, 28, 1),
    )
    np.testing.assert_array_equal(np.bincount(train.labels), np.full(10, 6000))
    assert round(float(train.inputs.mean() / 255), 4) == 0.2860
    assert round(float(train.inputs.std() / 255), 4) == 0.3530


def test_real_cifar10():
    try:
        parts = data.load("cifar10"), data.load("cifar10", split="test")
    except data.DataError as error:
        pytest.skip(str(error))
    assert [part.inputs.shape for part in parts] == [
        (50_000, 32, 32, 3),
        (10_000, 32, 32, 3),
    ]
    np.testing.assert_array_equal(np.bincount(parts[0].labels), np.full(10, 5000))
    np.testing.assert_array_equal(np.bincount(parts[1].labels), np.full(10, 1000))
    means = parts[0].inputs.mean((0, 1, 2)) / 255
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=5e-5)


def test_real_cifar100_with_its_further_features():
    try:
        train, test = data.load("cifar100"), data.load("cifar100", split="test")
    except data.DataError as error:
        pytest.skip(str(error))
    assert train.shape == test.shape == (32, 32, 3)
    assert len(set(np.bincount(train.labels, minlength=100))) == 1
    assert (train.class_names[0], train.class_names[99]) == ("apple", "worm")
