"""The event data sets: sensors, recipes, split rules, and where to get them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qifjax.data.events import listings
from qifjax.data.events.frames import FrameRecipe
from qifjax.data.events.listings import Listing
from qifjax.data.events.recording import Sensor


@dataclass(frozen=True)
class EventSet:
    """What is known of a data set of recordings.

    Attributes:
      folders: names that its folder may have.
      sensor: size on which its events lie.
      recipe: how its recordings become frames by default.
      split_rules: what each rule by which train and test can be told apart does, by
        name, the default first.
      listing: finds the recordings of a part, from its folder, the part and a rule.
      fetch: the official file and where it is published.
      layout: how the folder looks inside.
    """

    folders: tuple[str, ...]
    sensor: Sensor
    recipe: FrameRecipe
    split_rules: dict[str, str]
    listing: Callable[[Path, str, str], Listing]
    fetch: str
    layout: str


_OFFICIAL = {"official": "official split"}

EVENT_SETS: dict[str, EventSet] = {
    "nmnist": EventSet(
        folders=("nmnist", "NMNIST", "N-MNIST"),
        sensor=Sensor(34, 34),
        recipe=FrameRecipe(size=None),
        split_rules=_OFFICIAL,
        listing=listings.nmnist,
        fetch="Train.zip and Test.zip of N-MNIST (Orchard et al. 2015), "
        "https://www.garrickorchard.com/datasets/n-mnist",
        layout="Train/<digit>/*.bin and Test/<digit>/*.bin",
    ),
    "n_caltech101": EventSet(
        folders=("n_caltech101", "NCALTECH101", "N-Caltech101"),
        sensor=Sensor(180, 240),
        recipe=FrameRecipe(),
        split_rules={
            "sorted90": "no official split: of each class, sorted by name, the first "
            "9 n // 10 are train and the rest test"
        },
        listing=listings.n_caltech101,
        fetch="Caltech101.zip of N-Caltech101 (Orchard et al. 2015), "
        "https://www.garrickorchard.com/datasets/n-caltech101",
        layout="Caltech101/<class>/*.bin",
    ),
    "n_cars": EventSet(
        folders=("n_cars", "NCARS", "N-Cars"),
        sensor=Sensor(100, 120),
        recipe=FrameRecipe(),
        split_rules=_OFFICIAL,
        listing=listings.n_cars,
        fetch="Prophesee_Dataset_n_cars.zip of N-Cars (Sironi et al. 2018), "
        "https://www.prophesee.ai/2018/03/13/dataset-n-cars/",
        layout="n-cars_train/cars/*.dat, n-cars_train/background/*.dat and likewise "
        "n-cars_test",
    ),
    "dvs128_gesture": EventSet(
        folders=("dvs128_gesture", "DVS128Gesture", "DVSGesture", "DvsGesture"),
        sensor=Sensor(128, 128),
        recipe=FrameRecipe(size=None),
        split_rules={"official": "official split: users 1 to 23 and 24 to 29"},
        listing=listings.dvs128_gesture,
        fetch="DvsGesture.tar.gz of DVS128 Gesture (Amir et al. 2017), by hand from "
        "https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8/folder/50167556794 "
        "(the addresses of tonic's copy, ibmGestureTrain.tar.gz and "
        "ibmGestureTest.tar.gz, are dead)",
        layout="trials_to_train.txt, trials_to_test.txt, *.aedat and *_labels.csv; or "
        "tonic's ibmGestureTrain/<user>/<class>.npy and ibmGestureTest",
    ),
    "cifar10_dvs": EventSet(
        folders=("cifar10_dvs", "CIFAR10DVS", "CIFAR10-DVS"),
        sensor=Sensor(128, 128),
        recipe=FrameRecipe(),
        split_rules={
            "tebn": "no official split: images 0 to 99 of each class are test (TEBN)",
            "head90": "no official split: of each class, sorted by name, the first "
            "90 % (rounded up) are train and the rest test",
        },
        listing=listings.cifar10_dvs,
        fetch="airplane.zip to truck.zip of CIFAR10-DVS (Li et al. 2017), "
        "https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671 (the address of "
        "tonic's copy, CIFAR10DVS.zip, is dead)",
        layout="<class>/cifar10_<class>_<number>.aedat, or .aedat4 as tonic has them",
    ),
}
"""What is known of each data set, by the name that :func:`qifjax.data.load` takes."""
