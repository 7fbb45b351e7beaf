"""How gradients change with depth: the formula by hand, measured chains, refusals."""

import json
import math

import pytest

from experiments import gradient_gain
from qifjax import LIFParams, QIFParams, neurons
from qifjax.windows import centred

pytestmark = pytest.mark.usefixtures("standard_promotion")


def part_of_normal(low, high):
    return (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2


def test_prediction_by_hand():
    # The window of LIF is [0, 2 u_th] here: N(0, u_th²) within 0 and 2 deviations.
    rate = part_of_normal(1, 40)
    expected = 0.25 * part_of_normal(0, 2) / (rate * (1 - rate))
    lif = LIFParams()
    found = gradient_gain.predict(lif, neurons.window(lif))
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("params", "rule", "grows"),
    [
        (QIFParams(), neurons.window, True),
        (QIFParams(), centred, False),
        (LIFParams(), neurons.window, False),
    ],
)
def test_measured_gain_is_the_predicted_one(params, rule, grows):
    window = rule(params)
    gain, rate = gradient_gain.measure(params, window, 1, 8, 128, 128)
    assert gain == pytest.approx(gradient_gain.predict(params, window), rel=0.05)
    assert (gain > 1) == grows
    assert rate == pytest.approx(part_of_normal(1, 40), rel=0.05)


def test_page(tmp_path):
    out = tmp_path / "gain.json"
    sizes = ("--depth", "4", "--width", "8", "--batch", "8", "--timesteps", "1", "2")
    gradient_gain.main([*sizes, "--windows", "analytic", "centred", "--out", str(out)])
    rows = json.loads(out.read_text())["rows"]
    assert [(row["neuron"], row["window"], row["timesteps"]) for row in rows] == [
        ("qif", "analytic", 1),
        ("qif", "analytic", 2),
        ("qif", "centred", 1),
        ("qif", "centred", 2),
        ("lif", "analytic", 1),
        ("lif", "analytic", 2),
    ]
    assert [row["predicted"] is None for row in rows] == [False, True] * 3
    assert "| qif | centred | 2 |" in out.with_suffix(".md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--depth", "3"], "--depth must be at least 4, got 3"),
        (["--timesteps", "0"], "--timesteps must be at least 1, got (0,)"),
        (["--windows"], "--windows needs one or more of analytic, centred, unit_area"),
        (["--windows", "empirical"], "empirical"),
    ],
)
def test_bad_options_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        gradient_gain.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
