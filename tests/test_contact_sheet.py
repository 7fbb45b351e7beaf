"""Contact sheets: which examples they show, and that event frames work as well."""

import numpy as np
import pytest
from PIL import Image

from experiments import contact_sheet
from qifjax.data import Dataset, Description


def dataset(inputs, labels):
    names = tuple(f"class {k}" for k in range(max(labels) + 1))
    description = Description("x", "train", "none", "made", "0")
    return Dataset(inputs, np.asarray(labels, np.int32), names, description)


def test_examples_are_of_all_classes_in_turn():
    labels = np.asarray([2, 0, 0, 1, 2, 0])
    chosen = contact_sheet._one_of_each_class(labels, 5)
    np.testing.assert_array_equal(chosen, [1, 3, 0, 2, 4])
    assert len(contact_sheet._one_of_each_class(labels, 10)) == 6


def test_frames_of_one_example_are_drawn_alike():
    recording = np.random.default_rng(0).integers(0, 9, (2, 1, 16, 16, 2), np.uint8)
    still = np.repeat(recording, 3, axis=1)
    draws = contact_sheet._draws(still, "dvs128_gesture", 5)
    assert draws.shape == (5, 2, 3, 16, 16, 2)
    np.testing.assert_array_equal(draws[:, :, 0], draws[:, :, 2])
    # Each draw holds the same events, shifted cyclically.
    np.testing.assert_array_equal(
        np.sort(draws[4, 1, 0], axis=None), np.sort(still[1, 0], axis=None)
    )
    assert np.any(draws[:, 0] != still[0])


def test_polarities_have_colours():
    frames = np.zeros((2, 4, 4, 2), np.uint8)
    frames[0, 1, 1, 1] = 2
    frames[1, 2, 3, 0] = 2
    picture = contact_sheet._picture(frames)
    assert picture[1, 1].tolist() == [255, 150, 0]
    assert picture[2, 3].tolist() == [0, 105, 255]
    assert picture.sum() == 255 + 150 + 105 + 255


@pytest.mark.parametrize("shape", [(4, 8, 8, 1), (4, 8, 8, 3), (4, 3, 8, 8, 2)])
def test_a_sheet_is_drawn(tmp_path, shape):
    inputs = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = tmp_path / "new" / "sheet.png"
    contact_sheet.draw(dataset(inputs, [0, 1, 0, 1]), "x", "flip_roll", 3, 2, path)
    with Image.open(path) as image:
        assert min(image.size) > 200
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits", "--recipe", "x"], "unknown augmentation 'x' (known: cifar10,"),
        (
            ["digits", "--recipe", "cifar100"],
            "cifar100 of digits: autoaugment takes RGB",
        ),
        (["digit"], "unknown data set 'digit' (known: "),
        (["digits", "--rows", "0"], "at least one row"),
    ],
)
def test_errors_are_one_line(capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        contact_sheet.main(arguments)
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
