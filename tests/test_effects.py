"""Main effects of a grid against values computed by hand."""

import pytest

from experiments.sweep import effects

# Accuracy is 0.5 + 0.1 u_th + 0.02 a, exactly: effects add up, without interaction.
ADDITIVE = {
    "axes": ["a", "u_th"],
    "cells": [
        {"a": a, "u_th": u, "uses_time": a < 2, "accuracy": 0.5 + 0.1 * u + 0.02 * a}
        for a in (1.0, 2.0, 3.0)
        for u in (1.0, 2.0)
    ],
}


def test_means_and_shares_of_the_variance():
    a, u_th = effects.main_effects(ADDITIVE)
    assert (a.axis, u_th.axis) == ("a", "u_th")
    assert a.means == pytest.approx({1.0: 0.67, 2.0: 0.69, 3.0: 0.71})
    assert u_th.means == pytest.approx({1.0: 0.64, 2.0: 0.74})
    # Variances 0.02^2 * 2/3 and 0.1^2 / 4.
    along_a, along_u = 0.0004 * 2 / 3, 0.0025
    assert a.share == pytest.approx(along_a / (along_a + along_u))
    assert a.share + u_th.share == pytest.approx(1)


def test_what_has_diverged_does_not_count():
    dead = {"a": 1.0, "u_th": 1.0, "uses_time": True, "accuracy": None}
    more = {**ADDITIVE, "cells": [*ADDITIVE["cells"], dead]}
    assert effects.main_effects(more) == effects.main_effects(ADDITIVE)
    assert effects.gain_of_time(more["cells"]) == effects.gain_of_time(
        ADDITIVE["cells"]
    )


@pytest.mark.parametrize("accuracies", [(0.5, 0.5), (None, None)])
def test_no_share_without_variance(accuracies):
    cells = [
        {"a": a, "u_th": 1.0, "uses_time": True, "accuracy": accuracy}
        for a, accuracy in zip((1.0, 2.0), accuracies, strict=True)
    ]
    (effect,) = effects.main_effects({"axes": ["a"], "cells": cells})
    assert effect.share is None


def test_time_is_compared_at_the_same_threshold():
    # a = 1 uses time, 2 and 3 do not: 0.52 against a mean of 0.55 at either threshold.
    found = effects.gain_of_time(ADDITIVE["cells"])
    assert found == pytest.approx({1.0: -0.03, 2.0: -0.03})
    only = [cell for cell in ADDITIVE["cells"] if cell["uses_time"]]
    assert effects.gain_of_time(only) == {}


def test_lines_have_all_values_as_columns():
    lines = effects.lines({"QIF": effects.main_effects(ADDITIVE)})
    assert lines[0].split("|")[-4:-1] == [" 1 ", " 2 ", " 3 "]
    assert lines[-1].endswith("| 64.00 | 74.00 |  |")
