"""Augmentation as pure JAX functions of a key and a uint8 batch."""

from qifjax.data.augment.autoaugment import CIFAR10_POLICY, autoaugment
from qifjax.data.augment.mixing import cutmix
from qifjax.data.augment.normalisation import STATISTICS, Statistics, normalise
from qifjax.data.augment.recipes import RECIPES, recipe
from qifjax.data.augment.samples import Augmentation, compose, per_sample
from qifjax.data.augment.spatial import (
    cutout,
    flip,
    nda,
    pad_crop,
    roll,
    rotation,
    shear,
)

__all__ = [
    "CIFAR10_POLICY",
    "RECIPES",
    "STATISTICS",
    "Augmentation",
    "Statistics",
    "autoaugment",
    "compose",
    "cutmix",
    "cutout",
    "flip",
    "nda",
    "normalise",
    "pad_crop",
    "per_sample",
    "recipe",
    "roll",
    "rotation",
    "shear",
]
