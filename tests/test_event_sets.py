"""Event data sets: layouts, splits and what is said of a lack."""

from pathlib import Path

import numpy as np
import pytest

from qifjax import data
from qifjax.data.events import Sensor
from qifjax.data.events.catalogue import EVENT_SETS
from tests.event_files import (
    as_aedat2,
    as_aedat3,
    as_atis,
    as_dat,
    as_gesture_npy,
    nmnist_folder,
    put,
    random_events,
    real,
    slow_frames,
)

NATIVE = data.FrameRecipe(frames=3, size=None)


@pytest.fixture
def nmnist(tmp_path):
    return nmnist_folder(tmp_path)


def test_nmnist_is_read_as_frames(nmnist):
    train = data.load("nmnist", nmnist, frames=NATIVE)
    assert train.inputs.shape == (20, 3, 34, 34, 2)
    assert train.inputs.dtype == np.uint8
    assert isinstance(train.inputs, np.memmap)
    np.testing.assert_array_equal(train.labels, np.repeat(np.arange(10), 2))
    events = random_events(50, Sensor(34, 34), seed=13)
    np.testing.assert_array_equal(
        train.inputs[7], slow_frames(events, Sensor(34, 34), NATIVE)
    )
    said = train.description
    assert said.split_rule == "official split"
    assert "sample: 20 of 60,000 training recordings in NMNIST" in said.source
    assert "3 frames by number, remainder last" in said.source
    assert "0 values saturated" in said.source
    assert data.load("nmnist", nmnist).shape == (10, 34, 34, 2)


def test_fit_and_validation_are_chosen_by_frames(nmnist):
    parts = {s: data.load("nmnist", nmnist, s, frames=NATIVE) for s in data.SPLITS}
    contents = {s: {x.tobytes() for x in part.inputs} for s, part in parts.items()}
    assert contents["fit"] | contents["validation"] == contents["train"]
    assert not contents["fit"] & contents["validation"]
    assert len(parts["test"]) == 10


def test_validation_is_of_the_same_recordings_whatever_their_frames(nmnist):
    def chosen(recipe):
        train = data.load("nmnist", nmnist, frames=recipe).inputs
        places = {frames.tobytes(): i for i, frames in enumerate(train)}
        fit = data.load("nmnist", nmnist, "fit", frames=recipe).inputs
        return [places[frames.tobytes()] for frames in fit]

    assert 10 < len(chosen(NATIVE)) < 20
    assert chosen(NATIVE) == chosen(data.FrameRecipe(frames=5, size=20))


@pytest.mark.parametrize("place", ["nmnist", "events/NMNIST", "events/nmnist"])
def test_folders_are_found(nmnist, place):
    (nmnist / place).parent.mkdir(exist_ok=True)
    (nmnist / "NMNIST").rename(nmnist / place)
    assert len(data.load("nmnist", nmnist, "test", frames=NATIVE)) == 10


@pytest.mark.parametrize("inside", ["", "Prophesee_Dataset_n_cars"])
@pytest.mark.parametrize("nested", [True, False])
def test_n_cars(tmp_path, inside, nested):
    root = tmp_path / "n_cars" / inside
    for name, count in (("cars", 3), ("background", 2)):
        for i in range(count):
            content = as_dat(random_events(40, Sensor(100, 120), seed=i))
            for part in ("train", "test"):
                folder = root / f"n-cars_{part}" / (part if nested else "")
                put(folder / name / f"{i}_td.dat", content)
    train = data.load("n_cars", tmp_path)
    assert train.shape == (10, 48, 48, 2)
    assert train.class_names == ("background", "cars")
    assert train.labels.tolist() == [0, 0, 1, 1, 1]
    assert "5 of 15,422 training recordings" in train.description.source
    test = data.load("n_cars", tmp_path, "test")
    assert "5 of 8,607 test recordings" in test.description.source


def test_n_caltech101_is_split_within_each_class(tmp_path):
    folder = tmp_path / "n_caltech101" / "Caltech101"
    for name, count in (("zebra", 10), ("ant", 21)):
        for i in range(count):
            content = as_atis(random_events(30, Sensor(180, 240), seed=i))
            put(folder / name / f"image_{i:04}.bin", content)
    train = data.load("n_caltech101", tmp_path)
    test = data.load("n_caltech101", tmp_path, "test")
    assert train.class_names == ("ant", "zebra")
    assert np.bincount(train.labels).tolist() == [18, 9]
    assert np.bincount(test.labels).tolist() == [3, 1]
    assert "first 9 n // 10" in train.description.split_rule
    assert "31 of 8,709 recordings" in train.description.source


def cifar10_dvs(tmp_path, numbers):
    for name in ("cat", "airplane"):
        for i in numbers:
            content = as_aedat2(random_events(30, Sensor(128, 128), seed=i))
            put(tmp_path / "cifar10_dvs" / name / f"cifar10_{name}_{i}.aedat", content)


def first_frames(events):
    recipe = data.FrameRecipe(size=None)
    return slow_frames(events, Sensor(128, 128), recipe)


def test_cifar10_dvs_has_two_named_splits(tmp_path):
    numbers = [0, 5, 20, 99, 100, 101, 300, 700, 800, 999]
    cifar10_dvs(tmp_path, numbers)
    native = data.FrameRecipe(size=None)
    inputs = {
        (rule, split): data.load(
            "cifar10_dvs", tmp_path, split, frames=native, split_rule=rule
        ).inputs
        for rule in (None, "tebn", "head90")
        for split in ("train", "test")
    }
    assert {key: len(value) for key, value in inputs.items()} == {
        (None, "train"): 12,
        (None, "test"): 8,
        ("tebn", "train"): 12,
        ("tebn", "test"): 8,
        ("head90", "train"): 18,
        ("head90", "test"): 2,
    }
    np.testing.assert_array_equal(inputs[None, "test"], inputs["tebn", "test"])
    test_numbers = sorted(numbers, key=str)
    expected = [i for i in test_numbers if i < 100]
    for found, number in zip(inputs["tebn", "test"][:4], expected, strict=True):
        events = random_events(30, Sensor(128, 128), seed=number)
        np.testing.assert_array_equal(found, first_frames(events))
    # The last name in lexicographic order is the test example of head90.
    last = random_events(30, Sensor(128, 128), seed=999)
    np.testing.assert_array_equal(inputs["head90", "test"][1], first_frames(last))


def test_rules_and_recipes_that_do_not_fit(tmp_path, nmnist):
    cifar10_dvs(tmp_path, [0])
    with pytest.raises(data.DataError, match="unknown split_rule 'half' .known: tebn"):
        data.load("cifar10_dvs", tmp_path, split_rule="half")
    with pytest.raises(
        data.DataError, match="digits has images: frames and split_rule"
    ):
        data.load("digits", frames=NATIVE)
    with pytest.raises(data.DataError, match="puts none of them into train; fetch"):
        data.load("cifar10_dvs", tmp_path)
    (tmp_path / "cifar10_dvs" / "cat" / "cifar10_cat_0.aedat").rename(
        tmp_path / "cifar10_dvs" / "cat" / "cat.aedat"
    )
    with pytest.raises(data.DataError, match=r"cat.aedat: the name does not end"):
        data.load("cifar10_dvs", tmp_path, "test")


def test_original_gestures_are_cut_by_their_tables(tmp_path):
    folder = tmp_path / "dvs128_gesture" / "DvsGesture"
    events = random_events(300, Sensor(128, 128), longest=9_000)
    put(folder / "user01_led.aedat", as_aedat3(events))
    table = b"class,startTime_usec,endTime_usec\n3,1000,4000\n11,4000,8000\n"
    put(folder / "user01_led_labels.csv", table)
    put(folder / "trials_to_train.txt", b"user01_led.aedat\nuser02_led.aedat\n")
    native = data.FrameRecipe(size=None)
    train = data.load("dvs128_gesture", tmp_path)
    assert train.labels.tolist() == [2, 10]
    assert train.class_names[2] == "left hand wave"
    assert "2 of 1,176 training recordings" in train.description.source
    chosen = (events.t >= 1000) & (events.t < 4000)
    cut = type(events)(*(field[chosen] for field in events))
    np.testing.assert_array_equal(
        train.inputs[0], slow_frames(cut, Sensor(128, 128), native)
    )
    put(folder / "user01_led_labels.csv", table + b"12,8000,9000\n")
    with pytest.raises(data.DataError, match=r"labels.csv: line 4: '12,8000,9000'"):
        data.load("dvs128_gesture", tmp_path)
    put(folder / "user01_led_labels.csv", table + b"1,20000,30000\n")
    with pytest.raises(data.DataError, match=r"no event from .20000, 30000. us"):
        data.load("dvs128_gesture", tmp_path)


def test_gestures_as_tonic_has_them(tmp_path):
    folder = tmp_path / "events" / "DVSGesture" / "ibmGestureTest" / "user24_led"
    folder.mkdir(parents=True)
    as_gesture_npy(folder / "10.npy", random_events(40, Sensor(128, 128)))
    test = data.load("dvs128_gesture", tmp_path, "test")
    assert test.labels.tolist() == [10]
    assert "1 of 264 test recordings" in test.description.source


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nmnist", "Train.zip and Test.zip .* Train/<digit>"),
        ("n_caltech101", "Caltech101.zip .* Caltech101/<class>"),
        ("n_cars", "Prophesee_Dataset_n_cars.zip .* n-cars_train/cars"),
        ("dvs128_gesture", "DvsGesture.tar.gz .* are dead.* trials_to_train.txt"),
        ("cifar10_dvs", "airplane.zip .* is dead.*/cifar10_<class>_<number>.aedat"),
    ],
)
def test_what_to_fetch_and_where_to_put_it(tmp_path, name, message):
    advice = f"not there; fetch {message}"
    with pytest.raises(data.DataError, match=advice) as caught:
        data.load(name, tmp_path)
    assert f"so that {tmp_path / name} holds" in str(caught.value)
    wrong = tmp_path / "events" / EVENT_SETS[name].folders[-1]
    wrong.mkdir(parents=True)
    with pytest.raises(data.DataError, match=f"nothing of its train part in {wrong}"):
        data.load(name, tmp_path)


# --- the real recordings -------------------------------------------------------------


def test_real_nmnist_as_frames():
    real(Path(".data"), "NMNIST")
    train, test = (data.load("nmnist", split=split) for split in ("train", "test"))
    assert train.inputs.shape == (1000, 10, 34, 34, 2)
    assert test.inputs.shape == (100, 10, 34, 34, 2)
    assert train.inputs.sum(dtype=int) + test.inputs.sum(dtype=int) == 4_518_827
    assert "sample: 1,000 of 60,000" in train.description.source
    # A nearest-centroid classifier does far better than chance, so labels belong.
    flat = [
        part.inputs.reshape(len(part), -1).astype(np.float32) for part in (train, test)
    ]
    centroids = np.stack([flat[0][train.labels == c].mean(0) for c in range(10)])
    distances = ((flat[1][:, None] - centroids) ** 2).sum(-1)
    assert (distances.argmin(1) == test.labels).mean() > 0.5


def test_real_n_caltech101_as_frames():
    real(Path(".data"), "NCALTECH101")
    test = data.load("n_caltech101", split="test")
    assert test.inputs.shape == (5, 10, 48, 48, 2)
    assert test.class_names[0] == "Faces_easy"
