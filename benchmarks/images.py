"""How fast CIFAR-10 is loaded and augmented: python -m benchmarks.images.

Measures, on this machine:

* loading all 60,000 images from the packed data of TFDS to the device, for the first
  time (which decodes PNG files and writes the cache) and from the cache;
* augmented and normalised images per second, jitted, in batches on the device, with
  crop, flip and cutout (recipe ``cifar10``), and with AutoAugment too (``cifar100``);
* the same by torchvision on the same images, image by image in loader processes, where
  an interpreter that has it is given; in turns within the same run, so that other work
  on the machine disturbs both alike.

Speeds are medians over passes; every single pass is in the file.
"""

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import cli
from qifjax.data import DataError, augment, load

_RECIPES = ("cifar10", "cifar100")


@dataclass(frozen=True)
class Images:
    """Measure loading and augmenting CIFAR-10.

    Attributes:
      out: the JSON file to write.
      data_dir: folder with tfds/cifar10.
      torchvision_python: Python interpreter that has torchvision; none leaves it out.
      images: images in one pass.
      batch: batch size.
      passes: timed passes of each.
      workers: loader processes of torchvision; by default one a core.
    """

    out: Path = Path("images.json")
    data_dir: Path = Path(".data")
    torchvision_python: Path | None = None
    images: int = 10_240
    batch: int = 128
    passes: int = 7
    workers: int = os.cpu_count() or 1


def measure_loading(data_dir: Path) -> dict[str, float]:
    """Seconds from packed data to the device, for the first time and from the cache."""
    source = (data_dir / "tfds").resolve()
    seconds = {}
    jax.block_until_ready(jnp.zeros(1))
    # A folder of its own, so that there is no cache yet.
    with tempfile.TemporaryDirectory(prefix="qifjax-benchmark-") as scratch:
        (Path(scratch) / "tfds").symlink_to(source)
        for name in ("first", "cached"):
            start = time.perf_counter()
            for split in ("train", "test"):
                dataset = load("cifar10", scratch, split)
                jax.block_until_ready(jax.device_put(dataset.inputs))
            seconds[name] = time.perf_counter() - start
    return seconds


class Ours:
    """Jitted augmentation and normalisation of batches that are on the device."""

    def __init__(self, images: np.ndarray, batch: int):
        normalise = augment.normalise(*augment.STATISTICS["cifar10"])
        self._batches = [
            jnp.asarray(images[i : i + batch]) for i in range(0, len(images), batch)
        ]
        self._programs = {
            name: jax.jit(
                lambda key, x, name=name: normalise(augment.recipe(name)(key, x))
            )
            for name in _RECIPES
        }
        for name in _RECIPES:
            self.seconds(name)

    def seconds(self, name: str) -> float:
        """Time of one pass."""
        program = self._programs[name]
        keys = list(jax.random.split(jax.random.key(0), len(self._batches)))
        start = time.perf_counter()
        # Programs may run side by side, so that the last to start says nothing.
        jax.block_until_ready(
            [program(key, x) for key, x in zip(keys, self._batches, strict=True)]
        )
        return time.perf_counter() - start


class Torchvision:
    """The same by torchvision, in a process of its own that waits for requests."""

    def __init__(self, python: Path, images: Path, batch: int, workers: int):
        script = Path(__file__).with_name("torchvision_images.py")
        self._process = subprocess.Popen(
            [str(python), str(script), str(images), str(batch), str(workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._line()

    def seconds(self, name: str) -> float:
        """Time of one pass."""
        assert self._process.stdin is not None
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise DataError(
                "the interpreter of --torchvision-python stopped; its own message is "
                "above"
            )
        return line


def measure_augmentation(options: Images) -> dict[str, Any]:
    """Images per second of each recipe and library, pass by pass."""
    images = np.ascontiguousarray(load("cifar10", options.data_dir).inputs)
    images = images[: options.images // options.batch * options.batch]
    with tempfile.TemporaryDirectory(prefix="qifjax-benchmark-") as scratch:
        path = Path(scratch) / "images.npy"
        np.save(path, images)
        sides: dict[str, Any] = {"qifjax": Ours(images, options.batch)}
        theirs = None
        if options.torchvision_python is not None:
            theirs = Torchvision(
                options.torchvision_python, path, options.batch, options.workers
            )
            sides["torchvision"] = theirs
        speeds: dict[str, dict[str, list[float]]] = {
            name: {side: [] for side in sides} for name in _RECIPES
        }
        for _ in range(options.passes):
            for name in _RECIPES:
                for side, runner in sides.items():
                    speed = len(images) / runner.seconds(name)
                    speeds[name][side].append(round(speed, 1))
        if theirs is not None:
            theirs.close()
    medians = {
        name: {side: statistics.median(passes) for side, passes in by_side.items()}
        for name, by_side in speeds.items()
    }
    return {
        "images_per_second": medians,
        "passes": speeds,
        "torchvision": theirs.version if theirs else None,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measures, prints a table and writes the file."""
    with cli.one_line_errors():
        options = cli.parse(Images, argv, "python -m benchmarks.images")
        load_before = round(os.getloadavg()[0], 2)
        loading = measure_loading(options.data_dir)
        peer = " --torchvision-python PYTHON" if options.torchvision_python else ""
        result = {
            "command": f"python -m benchmarks.images{peer} --images {options.images} "
            f"--batch {options.batch} --passes {options.passes} "
            f"--workers {options.workers} --out {options.out}",
            "options": {
                "images": options.images,
                "batch": options.batch,
                "passes": options.passes,
                "workers": options.workers,
            },
            "machine": {
                "device": jax.devices()[0].device_kind,
                "cores": os.cpu_count(),
                "load_average_before": load_before,
                "python": platform.python_version(),
                "jax": jax.__version__,
                "pillow": importlib.metadata.version("pillow"),
            },
            "loading_seconds": loading,
            **measure_augmentation(options),
        }
        result["machine"]["load_average_after"] = round(os.getloadavg()[0], 2)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")
        for name, seconds in loading.items():
            print(f"CIFAR-10 to the device, {name}: {seconds:.2f} s")
        for name, by_side in result["images_per_second"].items():
            for side, speed in by_side.items():
                print(f"recipe {name}, {side}: {speed:,.0f} images per second")


if __name__ == "__main__":
    main()
