"""Image data sets in the layout of TensorFlow Datasets, without TensorFlow.

Reads what TFDS has prepared as ArrayRecord, and writes the same layout from PNG bytes.
"""

import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qifjax.data.errors import DataError


def find(data_dir: Path, name: str) -> Path:
    """The newest prepared version of a data set.

    Args:
      data_dir: folder with ``tfds/<name>/<version>`` or ``<name>/<version>``.
      name: name of the data set in TFDS.

    Returns:
      The folder of that version.

    Raises:
      DataError: if there is none; the message says how to get it.
    """
    found = [
        info.parent
        for place in (data_dir / "tfds", data_dir)
        for info in (place / name).glob("*/dataset_info.json")
    ]
    if not found:
        raise DataError(
            f"no {name} under {data_dir / 'tfds'}; get it with: "
            f"python -m experiments.prepare {name} --data-dir {data_dir}"
        )
    return max(found, key=lambda folder: _version(folder.name))


_FORMATS = ("PNG", "JPEG")


class Arrays(NamedTuple):
    """Examples in memory: uint8 images ``[N, H, W, C]`` and int32 labels ``[N]``."""

    inputs: np.ndarray
    labels: np.ndarray


def read(folder: Path, split: str) -> Arrays:
    """All images and labels of a split.

    Args:
      folder: a version folder as :func:`find` gives it.
      split: name of the split in TFDS, ``"train"`` or ``"test"``.

    Returns:
      The examples, in the order of the files.

    Raises:
      DataError: if the files cannot be read as images of one size with labels.
    """
    tfds = _tfds()
    from PIL import Image

    try:
        builder = tfds.builder_from_directory(folder)
        if builder.info.file_format is not tfds.core.FileFormat.ARRAY_RECORD:
            raise DataError(
                f"{folder} holds {builder.info.file_format.value} files, which only "
                "TensorFlow reads; prepare it with file_format='array_record'"
            )
        skip = {"image": tfds.decode.SkipDecoding()}
        source = builder.as_data_source(split, decoders=skip)
        examples = source.__getitems__(range(len(source)))
        images = [
            np.asarray(Image.open(io.BytesIO(example["image"]), formats=_FORMATS))
            for example in examples
        ]
        stacked = np.stack(images)
    except DataError:
        raise
    except Exception as error:
        # The readers underneath raise dozens of kinds; all call for the same mend.
        raise DataError(
            f"cannot read {split} of {folder} ({type(error).__name__}: {error}); "
            "delete that folder and prepare the data set again"
        ) from error
    labels = np.asarray([example["label"] for example in examples], np.int32)
    return Arrays(stacked.reshape(*stacked.shape[:3], -1), labels)


def write(
    data_dir: Path,
    name: str,
    version: str,
    names: tuple[str, ...],
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Path:
    """Writes images as a TFDS data set, lossless, as ArrayRecord.

    Args:
      data_dir: folder under which ``tfds/<name>/<version>`` is written.
      name: name of the data set.
      version: version in TFDS, such as ``"3.0.1"``.
      names: class names.
      splits: uint8 images ``[N, H, W, C]`` and integer labels ``[N]`` by split name.

    Returns:
      The version folder, which appears only when it is complete.

    Raises:
      DataError: if it exists already.
    """
    final = data_dir / "tfds" / name / version
    if final.exists():
        raise DataError(f"{final} exists already; delete it to prepare {name} again")
    tfds = _tfds()
    shape = next(iter(splits.values()))[0].shape[1:]
    label_names = list(names)

    base: Any = tfds.core.GeneratorBasedBuilder

    class Builder(base, skip_registration=True):  # type: ignore[call-arg]
        VERSION = tfds.core.Version(version)

        def _info(self):
            label = tfds.features.ClassLabel(names=label_names)
            image = tfds.features.Image(shape=shape, dtype=np.uint8)
            features = tfds.features.FeaturesDict({"image": image, "label": label})
            return self.dataset_info_from_configs(
                features=features, supervised_keys=("image", "label")
            )

        def _split_generators(self, manager):
            del manager
            return {split: self._generate_examples(*splits[split]) for split in splits}

        def _generate_examples(self, images, labels):
            for i, (png, label) in enumerate(zip(_pngs(images), labels, strict=True)):
                yield i, {"image": io.BytesIO(png), "label": int(label)}

    Builder.name = name
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f"{name}.partial-", dir=data_dir
    ) as partial:
        builder = Builder(data_dir=partial, file_format="array_record")
        builder.download_and_prepare()
        final.parent.mkdir(parents=True, exist_ok=True)
        os.replace(Path(partial) / name / version, final)
    return final


def _pngs(images: np.ndarray) -> Iterable[bytes]:
    from PIL import Image

    for image in images:
        stream = io.BytesIO()
        plane = image[..., 0] if image.shape[-1] == 1 else image
        Image.fromarray(plane).save(stream, "PNG")
        yield stream.getvalue()


def _version(name: str) -> tuple[int, ...]:
    parts = name.split(".")
    return tuple(int(part) for part in parts) if all(map(str.isdigit, parts)) else (-1,)


def _tfds() -> Any:
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise DataError(
            f"reading image data sets needs the data extra ({error}); "
            "install it with: pip install 'qifjax[data]'"
        ) from error
    return tfds
