"""The numbers of docs/paper_errors.md, computed again, each from its definition."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from qifjax import LIFParams, QIFParams, qif_moments, qif_window
from tests import reference

PAGE = " ".join(
    (Path(__file__).parents[1] / "docs/paper_errors.md").read_text().split()
)
DEFAULTS = QIFParams()
GRID = (0.2, 0.4, 0.6, 0.8, 1.0)


def says(*parts):
    return all(part in PAGE for part in parts)


def steps(u, currents=(0.0,)):
    """The default QIF map, without firing."""
    for current in currents:
        u = DEFAULTS.a * u * (u - DEFAULTS.u_c) + current
    return u


def normal(*shape, scale=0.5):
    return np.random.default_rng(0).normal(0, scale, shape)


def test_literal_time_indices_hide_the_input():
    spikes = np.zeros((4, 3))  # layer, time; layer 0 is the input, seen at t = 0, 1
    spikes[0, :2] = 1
    for t in range(2):
        for n in (1, 2, 3):
            spikes[n, t + 1] = spikes[n - 1, t]  # eq. 12-14 with I of one as u_th
    assert spikes[2, 1:].any()
    assert not spikes[3, 1:].any()
    assert says("with T = 2 the output of a network of three or more layers never sees")


def test_fixed_points_and_memory_of_the_map():
    for point, slope in ((0.0, -0.125), (4.5, None)):
        assert steps(point) == pytest.approx(point)
        if slope is not None:
            h = 1e-6
            assert (steps(point + h) - steps(point - h)) / (2 * h) == pytest.approx(
                slope
            )
    assert steps(0.49) == pytest.approx(-0.0012, abs=5e-5)
    assert steps(-0.5) == 0.125
    assert says("slope -0.125", "and 4.5", "0.49 is -0.0012", "-0.5 is +0.125")


def test_qif_fires_more_than_lif_at_equal_input():
    currents = normal(12, 40_000)
    rates = {}
    for name, (_, spikes, _) in {
        "qif": reference.qif(currents, *DEFAULTS),
        "lif": reference.lif(currents, *LIFParams()[:3]),
    }.items():
        rates[name] = 100 * spikes[3:].mean()
    assert rates["qif"] == pytest.approx(18.7, abs=0.3)
    assert rates["lif"] == pytest.approx(14.6, abs=0.3)
    assert says("18.7 %", "14.6 %")


def test_variances_of_theorem_1():
    a, u_rest, u_c, u_th = 0.25, -0.4, 0.6, 0.5
    first, second = normal(2, 4_000_000)
    u = a * (first - u_rest) * (first - u_c) + second
    both = [
        u_th**2 * (1 + a**2 * (2 * u_th**2 + (u_c + sign * u_rest) ** 2))
        for sign in (1, -1)
    ]
    assert [u.var(), *both] == pytest.approx([0.258, 0.258, 0.273], abs=6e-4)
    a, u_rest, u_c, u_th = DEFAULTS
    lost = 2 * a**2 * u_th**4 + (u_rest + u_c) ** 2 * u_th**2 + u_th**2
    assert lost == pytest.approx(0.3203, abs=5e-5)
    assert qif_moments(DEFAULTS)[1] == pytest.approx(0.2617, abs=5e-5)
    assert says("0.258 simulated", "0.258 with the sum", "0.273 with the difference")
    assert says("0.3203 instead of 0.2617")


def test_a_square_and_its_root_are_dependent_but_uncorrelated():
    currents = normal(1_000_000)
    assert abs(np.corrcoef(currents, currents**2)[0, 1]) < 5e-3
    assert np.corrcoef(np.abs(currents), currents**2)[0, 1] > 0.9


def test_equation_25_is_not_what_the_map_does():
    currents = normal(3, 1000)
    a, u_rest, u_c, _ = DEFAULTS
    exact = steps(0.0, currents)
    quadratic = (currents - u_rest) * (currents - u_c)
    weights = a ** -(np.arange(3.0)[::-1] - 1)  # a^(t-k-1) for k = t, t-1, t-2
    assert a**-1 == 4
    assert weights[0] != weights[1]
    printed = np.sum([a ** (2 - k - 1) * quadratic[k] for k in range(3)], 0)
    assert np.abs(printed + currents[2] - exact).mean() > 0.1
    two = steps(0.0, currents[:2])
    assert two == pytest.approx(a * quadratic[0] + currents[1])
    assert says("the weight `1/a` = 4")


@pytest.mark.parametrize(
    ("params", "skewness"),
    [(DEFAULTS, 0.03), (QIFParams(1.0, 0.0, 1.0, 1.0), 1.75)],
)
def test_skewness(params, skewness):
    a, u_rest, u_c, u_th = params
    first, second = normal(2, 2_000_000, scale=u_th)
    u = a * (first - u_rest) * (first - u_c) + second
    found = np.mean(((u - u.mean()) / u.std()) ** 3)
    assert found == pytest.approx(skewness, abs=0.01)
    assert says(f"{skewness}")


def test_who_gets_gradient_at_the_second_step():
    potentials, spikes, _ = reference.qif(normal(2, 200_000), *DEFAULTS)
    u, fired = potentials[1], spikes[1] == 1
    window = qif_window(DEFAULTS)
    inside = (window.lower <= u) & (u <= window.upper)
    centred = np.abs(u - DEFAULTS.u_th) <= 0.5
    shares = [
        100 * share[group].mean()
        for share in (inside, centred)
        for group in (fired, ~fired)
    ]
    assert shares == pytest.approx([19, 80, 83, 43], abs=0.6)
    assert window.upper - DEFAULTS.u_th == pytest.approx(0.074, abs=5e-4)
    assert says("19 % of the neurons that spike and 80 %", "83 % and 43 %", "0.074")


def test_areas_of_the_window():
    areas = [
        2 * qif_moments(QIFParams(a, 0.0, u_c, u_th))[1] ** 0.5
        for a, u_c, u_th in itertools.product(GRID[:2], GRID, GRID)
    ]
    assert (min(areas), max(areas)) == pytest.approx((0.40, 2.43), abs=0.005)
    assert len(list(itertools.product(GRID[2:], GRID, GRID))) == 75
    assert says(
        "0.40 to 2.43 over the 50 settings of Table 6", "75 of the 125 settings"
    )


def test_energies_and_parameters():
    ratios = (1.82, 1.23, 2.35, 2.11, 4.21, 1.51)
    table = ((0.968, 0.531), (0.958, 0.778), (0.848, 0.361), (0.788, 0.374))
    table += ((1.090, 0.259), (1.095, 0.724))
    assert [lif / qif for lif, qif in table] == pytest.approx(ratios, abs=0.005)
    assert 1.43 not in ratios
    saved = 100 * (1 - 8.14 / 8.20)
    assert saved == pytest.approx(0.7, abs=0.05)
    sizes = 21_282_122 / 12_630_858
    assert sizes == pytest.approx(1.69, abs=0.01)
    assert says("0.7 %", "1.69 times", "1.23 to 4.21")


def test_rates_that_the_energies_imply():
    """Operations of a step in millions, as the tests of each network hold them."""

    def rate(millijoule, operations, timesteps):
        return millijoule / (0.9e-9 * 1e6 * operations * timesteps)

    assert rate(8.14, 1144, 1) == pytest.approx(7.9, abs=0.05)
    assert rate(8.14, 14_020, 1) == pytest.approx(0.6, abs=0.05)
    stems = {
        "3x3": 4637.6,
        "7x7": 1167.3,
        "7x7pool": 299.0,
        "3x3 with stride 2": 1159.4,
    }
    possible = [stem for stem, count in stems.items() if rate(3.0, count, 2) < 1]
    assert possible == ["3x3"]
    first = 128 * 128 * 9 * 2 * 128 / 1e6
    assert first == pytest.approx(37.749, abs=1e-3)
    assert 10 * 4.6e-3 * first == pytest.approx(1.74, abs=0.005)
    assert says("1,144 M", "7.9 at T = 1", "it would be 0.6", "1.74 mJ alone")
