"""Official files: fetched, verified, read safely and made ready to load."""

import gzip
import http.server
import io
import json
import os
import pickle
import tarfile
import threading

import numpy as np
import pytest
from hypothesis import given, settings

from qifjax import data
from qifjax.data import cifar, fashion_mnist, tfds_arrays
from qifjax.data.archives import Archive, fetch
from qifjax.data.official import prepare
from tests.official_files import (
    contents,
    fuzz,
    images,
    mutate,
    mutations,
    published,
    read_or_refused,
)

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


class Cut(http.server.BaseHTTPRequestHandler):
    """Promises more than it sends."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"abc")

    def log_message(self, *args):
        pass


def test_a_broken_connection_is_told_from_another_file(tmp_path):
    archive = Archive("a", "900150983cd24fb0d6963f7d28e17f72")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cut) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(data.DataError, match="incomplete: 997 bytes did not come"):
            fetch(archive, f"http://127.0.0.1:{server.server_port}", tmp_path)
        server.shutdown()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", ["http://my server", "http://localhost:abc"])
def test_a_wrong_address_is_one_line(tmp_path, source):
    with pytest.raises(data.DataError, match="cannot get a from http"):
        fetch(Archive("a", "0"), source, tmp_path)


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
