"""Official files: fetched, verified, read safely and made ready to load."""

import dataclasses
import gzip
import hashlib
import http.server
import io
import json
import os
import pickle
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from qifjax import data
from qifjax.data import cifar, fashion_mnist, tfds_arrays, tiny_imagenet
from qifjax.data.archives import Archive, fetch
from qifjax.data.official import prepare

fuzz = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# Where a file is cut, or which byte of it gets another value.
mutations = st.tuples(st.booleans(), st.floats(0, 0.999), st.integers(1, 255))


def mutate(intact, mutation):
    cut, place, change = mutation
    place = int(place * len(intact))
    if cut:
        return intact[:place]
    return intact[:place] + bytes([intact[place] ^ change]) + intact[place + 1 :]


def read_or_refused(name, read, *arguments):
    """What is read, or None where one error that names the file refuses it."""
    try:
        return read(*arguments)
    except data.DataError as error:
        message = str(error)
    assert str(name) in message
    return None


def images(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def published(official, folder):
    """The same data set, whose official files are those of a folder."""
    archives = tuple(
        Archive(a.name, hashlib.md5((folder / a.name).read_bytes()).hexdigest())
        for a in official.archives
    )
    return dataclasses.replace(official, source=str(folder), archives=archives)


def contents(dataset):
    pairs = zip(dataset.inputs, dataset.labels, strict=True)
    return {(x.tobytes(), int(y)) for x, y in pairs}


# --- Fashion-MNIST, and what all have in common --------------------------------------


def idx(array):
    magic = 2048 + array.ndim
    header = np.asarray([magic, *array.shape], ">u4").tobytes()
    return gzip.compress(header + array.tobytes(), mtime=0)


@pytest.fixture
def official(tmp_path):
    """Fashion-MNIST with four small files in the place of the official ones."""
    folder = tmp_path / "official"
    folder.mkdir()
    names = iter(fashion_mnist.OFFICIAL.archives)
    for n in (20, 10):
        for array in (images(n, 28, 28), (np.arange(n) % 10).astype(np.uint8)):
            (folder / next(names).name).write_bytes(idx(array))
    return published(fashion_mnist.OFFICIAL, folder)


def test_prepare_from_a_folder(tmp_path, official):
    folder = prepare(official, tmp_path / "data", official.source)
    info = json.loads((folder / "dataset_info.json").read_text())
    assert info["fileFormat"] == "array_record"
    train = data.load("fashion_mnist", tmp_path / "data")
    assert {x.tobytes() for x in train.inputs} == {x.tobytes() for x in images(20, 784)}
    with pytest.raises(data.DataError, match="exists already; delete it"):
        prepare(official, tmp_path / "data", "/nowhere")


def test_prepare_from_a_web_address(tmp_path, official):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=official.source)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        prepare(official, tmp_path / "data", address)
        (tmp_path / "official" / "t10k-labels-idx1-ubyte.gz").unlink()
        with pytest.raises(
            data.DataError, match=r"cannot get t10k-labels.*404.*--source"
        ):
            prepare(official, tmp_path / "elsewhere", address)
        server.shutdown()
    assert len(data.load("fashion_mnist", tmp_path / "data", "test")) == 10


def test_a_wrong_file_is_refused_and_not_kept(tmp_path, official):
    (tmp_path / "official" / "train-images-idx3-ubyte.gz").write_bytes(b"other")
    with pytest.raises(data.DataError, match="train-images.* is not the official file"):
        prepare(official, tmp_path / "data")
    assert not list((tmp_path / "data").rglob("*.gz*"))
    assert not (tmp_path / "data" / "tfds").exists()


def test_a_verified_file_is_not_fetched_again(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    archive = Archive("a", "900150983cd24fb0d6963f7d28e17f72")
    assert fetch(archive, "/nowhere", tmp_path) == tmp_path / "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"plain", "not an intact gzip"),
        (gzip.compress(b"\0\0\x08\x05rest", mtime=0), "magic number 2053 at byte 0"),
        (gzip.compress(b"\0\0\x08\x03\0\0", mtime=0), "bytes after"),
        (gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12, mtime=0), "0 bytes after"),
        (idx(images(2, 28, 28))[:-9], "not an intact gzip"),
        (
            gzip.compress(gzip.decompress(idx(images(2, 28, 28)))[:-5], mtime=0),
            "1563 bytes after",
        ),
    ],
)
def test_bad_idx_files(tmp_path, content, message):
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(data.DataError, match=message):
        fashion_mnist.read_idx(tmp_path / "x.gz")


@fuzz
@given(mutations)
def test_idx_is_read_as_it_was_or_refused_by_name(tmp_path, mutation):
    array = images(3, 28, 28)
    path = tmp_path / "x.gz"
    path.write_bytes(mutate(idx(array), mutation))
    read = read_or_refused(path, fashion_mnist.read_idx, path)
    # Flags, time and name in a gzip header may change without any harm.
    assert read is None or np.array_equal(read, array)


# --- CIFAR ---------------------------------------------------------------------------


def cifar_pickle(n, seed, labels=b"labels", classes=10):
    planes = images(n, 3072, seed=seed)
    batch = {b"data": planes, labels: [i % classes for i in range(n)]}
    return pickle.dumps(batch, protocol=3), planes


def tar_gz(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("official", [cifar.CIFAR10, cifar.CIFAR100])
def test_cifar_from_its_official_layout(tmp_path, official):
    files, expected = {}, {"train": set(), "test": set()}
    for split, members in cifar._BATCHES[official.name].items():
        for member in members:
            key = b"labels" if official.name == "cifar10" else b"fine_labels"
            files[member], planes = cifar_pickle(6, len(files), key)
            # The same by a loop over the pixels of the three planes.
            for i, flat in enumerate(planes):
                image = np.empty((32, 32, 3), np.uint8)
                for c in range(3):
                    for y in range(32):
                        start = 1024 * c + 32 * y
                        image[y, :, c] = flat[start : start + 32]
                expected[split].add((image.tobytes(), i))
    (tmp_path / official.archives[0].name).write_bytes(tar_gz(files))
    prepare(published(official, tmp_path), tmp_path / "data")
    for split in ("train", "test"):
        assert (
            contents(data.load(official.name, tmp_path / "data", split))
            == (expected[split])
        )


class Attack:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([1]), "x is not a batch of CIFAR"),
        (
            pickle.dumps({b"data": np.zeros((1, 3071), np.uint8), b"labels": [0]}),
            "3072",
        ),
        (pickle.dumps({b"data": np.zeros((1, 3072)), b"labels": [0]}), "uint8 data"),
        (cifar_pickle(12, 0, classes=11)[0], "labels in 0 to 9"),
        (b"", "EOFError"),
    ],
)
def test_bad_cifar_batches(content, message):
    with pytest.raises(data.DataError, match=message):
        cifar.read_batch(content, "x", 10)


@pytest.mark.parametrize("call", [(os.mkdir, "made"), (eval, "1"), (np.load, "made")])
def test_a_pickle_cannot_run_code(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(data.DataError, match="it wants to use"):
        cifar.read_batch(pickle.dumps({b"data": Attack(*call)}), "x", 10)
    assert list(tmp_path.iterdir()) == []


@fuzz
@given(mutations)
def test_garbled_cifar_batches(mutation):
    intact, _ = cifar_pickle(2, 0)
    batch = mutate(intact, mutation)
    read = read_or_refused("batch x", cifar.read_batch, batch, "batch x", 10)
    assert read is None or [a.shape for a in read] == [(2, 32, 32, 3), (2,)]


@fuzz
@given(mutations)
def test_garbled_cifar_archives(tmp_path, mutation):
    content, _ = cifar_pickle(2, 0)
    path = tmp_path / "c.tar.gz"
    path.write_bytes(mutate(tar_gz({"batch": content}), mutation))
    read = read_or_refused(path, cifar.read_archive, path, ["batch"], 10)
    assert read is None or read[0].shape == (2, 32, 32, 3)


# --- Tiny ImageNet -------------------------------------------------------------------

WNIDS = ("n02", "n01", "n03")


def jpeg(image):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=100, subsampling=0)
    return stream.getvalue()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder of three classes, four training and five test images of 16 x 16."""
    monkeypatch.setattr(tiny_imagenet, "EXPECTED", tiny_imagenet.Expected(3, 4, 5, 16))
    folder = tmp_path / "data" / "tiny-imagenet-200"
    (folder / "val" / "images").mkdir(parents=True)
    (folder / "wnids.txt").write_text("\n".join(WNIDS) + "\n")
    (folder / "words.txt").write_text("n01\tgoldfish, Carassius\nn02\tbee\nn09\tx\n")
    for k, wnid in enumerate(WNIDS):
        images = folder / "train" / wnid / "images"
        images.mkdir(parents=True)
        for i in range(4):
            value = np.full((16, 16, 3), (20 * k, 10 * i, 200), np.uint8)
            # One file in four is grey, as some are in the official data.
            image = value[..., 0] if i == 0 else value
            (images / f"{wnid}_{i}.JPEG").write_bytes(jpeg(image))
    lines = []
    for i in range(5):
        value = np.full((16, 16, 3), 40 * i, np.uint8)
        (folder / "val" / "images" / f"val_{i}.JPEG").write_bytes(jpeg(value))
        lines.append(f"val_{i}.JPEG\t{WNIDS[i % 3]}\t0\t0\t15\t15\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    return folder


def test_tiny_imagenet_from_its_folders(tiny, monkeypatch):
    train = data.load("tiny_imagenet", tiny.parent)
    test = data.load("tiny_imagenet", tiny.parent, "test")
    assert train.class_names == ("goldfish", "bee", "n03")
    assert (train.inputs.shape, test.inputs.shape) == ((12, 16, 16, 3), (5, 16, 16, 3))
    np.testing.assert_array_equal(train.labels, np.repeat([0, 1, 2], 4))
    np.testing.assert_array_equal(test.labels, [1, 0, 2, 1, 0])
    assert test.description.split_rule == "official validation as test"
    # n02 is the second class in order and the first in the file (its red is 0).
    assert np.abs(train.inputs[5].astype(int) - [0, 10, 200]).max() <= 3
    assert np.abs(test.inputs[3].astype(int) - 120).max() <= 3
    assert np.ptp(train.inputs[0].astype(int), axis=-1).max() == 0
    monkeypatch.setattr(tiny_imagenet, "read", lambda *_: pytest.fail("read again"))
    data.load("tiny_imagenet", tiny.parent)


def test_tiny_imagenet_is_unpacked(tiny, tmp_path):
    name = tiny_imagenet.OFFICIAL.archives[0].name
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for path in tiny.rglob("*"):
            archive.write(path, path.relative_to(tiny.parent))
    official = published(tiny_imagenet.OFFICIAL, tmp_path)
    prepare(official, tmp_path / "new")
    assert contents(data.load("tiny_imagenet", tmp_path / "new")) == contents(
        data.load("tiny_imagenet", tiny.parent)
    )
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-30])
    with pytest.raises(data.DataError, match=f"{name} is not an intact archive"):
        prepare(published(official, tmp_path), tmp_path / "other")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["downloads"]


def test_what_to_do_without_tiny_imagenet(tmp_path):
    with pytest.raises(
        data.DataError,
        match=r"prepare tiny_imagenet.*cs231n.stanford.edu/tiny-imagenet-200.*wnids",
    ):
        data.load("tiny_imagenet", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("wnids.txt", b"n01\nn02\n", "wnids.txt: 2 classes, expected 3"),
        ("wnids.txt", None, "cannot read .*wnids.txt"),
        ("train/n01/images/n01_2.JPEG", None, "n01/images: 3 JPEG files, expected 4"),
        ("train/n01/images/n01_2.JPEG", b"", "n01_2.JPEG is not an intact JPEG"),
        (
            "train/n01/images/n01_2.JPEG",
            jpeg(images(16, 17, 3)),
            "n01_2.JPEG: 17 x 16 pixels, expected 16 x 16",
        ),
    ],
)
def test_damaged_tiny_imagenet(tiny, name, content, message):
    (tiny / name).unlink()
    if content is not None:
        (tiny / name).write_bytes(content)
    with pytest.raises(data.DataError, match=message):
        data.load("tiny_imagenet", tiny.parent)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("val_0.JPEG\tn01\n", "val_annotations.txt: 1 lines, expected 5"),
        ("val_0.JPEG\tn07\n", "val_annotations.txt, line 1: expected"),
        ("../x.JPEG\tn01\n", "val_annotations.txt, line 1: expected"),
        ("val_9.JPEG\tn01\n" * 5, "val_9.JPEG is not an intact JPEG"),
    ],
)
def test_damaged_annotations(tiny, lines, message):
    (tiny / "val" / "val_annotations.txt").write_text(lines)
    with pytest.raises(data.DataError, match=message):
        data.load("tiny_imagenet", tiny.parent, "test")


@fuzz
@given(mutations)
def test_garbled_jpeg(tiny, mutation):
    path = tiny / "x.JPEG"
    path.write_bytes(mutate(jpeg(images(16, 16, 3)), mutation))
    read = read_or_refused(path, tiny_imagenet._decode, path)
    assert read is None or read.shape == (16, 16, 3)


# --- ArrayRecord of TFDS -------------------------------------------------------------


@settings(fuzz, max_examples=25)
@given(mutations)
def test_garbled_records(tmp_path_factory, mutation):
    data_dir = tmp_path_factory.mktemp("garbled")
    pixels = images(4, 8, 8, 3)
    splits = {"train": (pixels, np.arange(4))}
    folder = tfds_arrays.write(
        data_dir, "cifar10", "3.0.2", cifar.CIFAR10_CLASSES, splits
    )
    (path,) = folder.glob("*.array_record*")
    path.write_bytes(mutate(path.read_bytes(), mutation))
    read = read_or_refused(folder, data.load, "cifar10", data_dir)
    # Bytes between the records may change without any harm.
    intact = {(x.tobytes(), i) for i, x in enumerate(pixels)}
    assert read is None or contents(read) == intact
