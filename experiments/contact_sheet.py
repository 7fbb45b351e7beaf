"""Shows what an augmentation does: python -m experiments.contact_sheet DATASET."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from experiments import cli
from experiments import figure as figures
from qifjax.data import DataError, Dataset, augment, load

_SHEET_SEED = 0


@dataclass(frozen=True)
class ContactSheet:
    """Draw some examples of a data set, as they are and as a recipe augments them.

    Attributes:
      dataset: name of the data set.
      recipe: name of the recipe; by default the one named like the data set, if there
        is one, else none.
      out: the PNG file to write.
      data_dir: where data sets are.
      rows: number of examples, each of another class where there are enough.
      columns: number of augmented draws of each.
    """

    dataset: Annotated[str, tyro.conf.Positional] = tyro.MISSING
    recipe: str | None = None
    out: Path = Path("contact_sheet.png")
    data_dir: Path = Path(".data")
    rows: int = 6
    columns: int = 8


def draw(
    dataset: Dataset, name: str, recipe: str, rows: int, columns: int, path: Path
) -> None:
    """Draws a contact sheet.

    Args:
      dataset: images ``[N, H, W, C]`` or event frames ``[N, T, H, W, 2]``; of frames,
        the mean over T is shown, which is sharp only if all frames moved alike.
      name: name of the data set, for the title.
      recipe: name of the recipe.
      rows: number of examples.
      columns: number of augmented draws of each.
      path: the PNG file, which appears only when it is complete.

    Raises:
      DataError: if matplotlib is not installed.
    """
    chosen = _one_of_each_class(dataset.labels, rows)
    originals = np.asarray(dataset.inputs[chosen])
    draws = _draws(originals, recipe, columns)
    figure = figures.new(columns + 1.9, len(chosen) + 0.7)
    axes = figure.subplots(len(chosen), columns + 1, squeeze=False)
    for row, example in enumerate(chosen):
        for column, axis in enumerate(axes[row]):
            shown = originals if column == 0 else draws[column - 1]
            image = _picture(shown[row])
            axis.imshow(image, interpolation="nearest", cmap="gray", vmin=0, vmax=255)
            axis.set_xticks([])
            axis.set_yticks([])
        label = dataset.class_names[dataset.labels[example]]
        axes[row][0].set_ylabel(
            label.replace("_", " "), rotation=0, ha="right", va="center", fontsize=8
        )
    axes[0][0].set_title("original", fontsize=9)
    for column in range(1, columns + 1):
        axes[0][column].set_title(f"draw {column}", fontsize=9)
    figure.suptitle(f"{name}, recipe {recipe}", fontsize=10)
    figures.save(figure, path, dpi=110)


def _one_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Places of ``count`` examples: of all classes in turn, the first ones first."""
    # How many of the same class stand before each example.
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels)
    turn = np.empty(len(labels), int)
    turn[order] = np.arange(len(labels)) - starts[order]
    return np.lexsort((labels, turn))[:count]


def _draws(originals: np.ndarray, recipe: str, columns: int) -> np.ndarray:
    """``columns`` augmented versions of each example: ``[columns, rows, ...]``."""
    images = jnp.asarray(originals)
    frames = images.ndim == 5
    # A batch of frames is time-major, examples in memory are not.
    batch = jnp.swapaxes(images, 0, 1) if frames else images
    keys = jax.random.split(jax.random.key(_SHEET_SEED), columns)
    augmented = jax.jit(jax.vmap(augment.recipe(recipe), in_axes=(0, None)))(
        keys, batch
    )
    return np.asarray(jnp.swapaxes(augmented, 1, 2) if frames else augmented)


def _picture(example: np.ndarray) -> np.ndarray:
    """What to show of an example: grey or RGB values, or the polarities in colour."""
    if example.ndim == 3:
        return example[..., 0] if example.shape[-1] == 1 else example
    counts = example.mean(axis=0)
    # Events are few; the brightest hundredth of the pixels may saturate.
    scale = max(float(np.quantile(counts.max(-1), 0.99)), 1e-6)
    off, on = np.moveaxis(np.clip(counts / scale, 0, 1), -1, 0)
    # Orange for on, blue for off, which the colour-blind tell apart, on black.
    colours = on[..., None] * [255, 150, 0] + off[..., None] * [0, 105, 255]
    return np.clip(colours, 0, 255).astype(np.uint8)


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        options = cli.parse(ContactSheet, argv, "python -m experiments.contact_sheet")
        own = options.dataset if options.dataset in augment.RECIPES else "none"
        recipe = own if options.recipe is None else options.recipe
        if min(options.rows, options.columns) < 1:
            raise DataError("a contact sheet needs at least one row and one column")
        try:
            augment.recipe(recipe)
        except ValueError as error:
            raise DataError(str(error)) from error
        dataset = load(options.dataset, options.data_dir)
        size = (options.rows, options.columns)
        try:
            draw(dataset, options.dataset, recipe, *size, options.out)
        except ValueError as error:
            # Of an augmentation that is for other inputs.
            raise DataError(f"{recipe} of {options.dataset}: {error}") from error
        print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
