"""Tiny ImageNet: read from its folders and archive, or refused by name."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from qifjax import data
from qifjax.data import tiny_imagenet
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
