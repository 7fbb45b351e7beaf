"""Which augmentations each data set is trained with, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from qifjax.data.augment.policies import autoaugment
from qifjax.data.augment.samples import Augmentation, compose
from qifjax.data.augment.spatial import cutout, flip, nda, pad_crop, roll, rotation

_CROP_FLIP_CUTOUT = compose(pad_crop(4), flip(), cutout(16))

RECIPES: Mapping[str, Augmentation] = MappingProxyType(
    {
        "none": compose(),
        "cifar10": _CROP_FLIP_CUTOUT,
        "cifar100": compose(pad_crop(4), flip(), autoaugment(), cutout(16)),
        # The paper names CIFAR-10's list for it.
        "tiny_imagenet": _CROP_FLIP_CUTOUT,
        "cifar10_dvs": compose(flip(), rotation(10)),
        # What other papers train CIFAR10-DVS with (Deng et al. 2022).
        "flip_roll": compose(flip(), roll(5)),
        # Digits, which are no digits any more when they are mirrored.
        "shift": pad_crop(1),
        "n_caltech101": nda(),
        "dvs128_gesture": roll(5),
    }
)
"""Those of Appendix A, and two more; ``"none"``, the identity, is also N-Cars'."""


def recipe(name: str) -> Augmentation:
    """The recipe of a name.

    Raises:
      ValueError: if there is none; the message lists the names.
    """
    if name not in RECIPES:
        raise ValueError(
            f"unknown augmentation {name!r} (known: {', '.join(sorted(RECIPES))})"
        )
    return RECIPES[name]
