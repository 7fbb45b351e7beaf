"""What time adds: the audit of trained networks, and the rule behind it."""

import itertools
import json

import jax
import numpy as np
import pytest

from experiments import temporal, train
from experiments.run_folder import RunFolder
from qifjax import QIFParams
from tests import reference

pytestmark = pytest.mark.usefixtures("standard_promotion")
SMALL = ("--epochs", "1", "--limit", "96", "--batch-size", "32")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A QIF network and its LIF twin."""
    folder = tmp_path_factory.mktemp("temporal")
    with jax.numpy_dtype_promotion("standard"):
        for neuron in ("qif", "lif"):
            where = ("--neuron", neuron, "--workdir", str(folder / neuron))
            train.main(["digits_lenet5", *SMALL, *where])
    return folder


def test_qif_repeats_its_first_step_and_lif_does_not(runs, tmp_path):
    out = tmp_path / "temporal.json"
    folders = [str(runs / "qif"), str(runs / "lif")]
    temporal.main([*folders, "--steps", "3", "--out", str(out)])
    qif, lif = json.loads(out.read_text())["runs"]
    for run, folder in ((qif, "qif"), (lif, "lif")):
        result = RunFolder(runs / folder).result()
        one, two, three = run["reads"]
        assert two["accuracy"] == pytest.approx(result["test"]["accuracy"])
        assert two["energy_mj"] == pytest.approx(result["total_energy_mj"], rel=1e-5)
        assert (one["steps"], two["steps"], three["steps"]) == (1, 2, 3)
    assert qif["changes"]["conv1/neuron"] == qif["changes"]["conv2/neuron"] == 0
    assert qif["reads"][1]["energy_mj"] == pytest.approx(
        2 * qif["reads"][0]["energy_mj"], rel=0.01
    )
    assert lif["changes"]["conv1/neuron"] > 0.01
    text = out.with_suffix(".md").read_text()
    assert "## digits_lenet5 lif seed 0" in text
    assert f"{100 * lif['reads'][0]['accuracy']:.2f}" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs the folders"),
        (["--steps", "0"], "--steps must be at least 1, got 0"),
    ],
)
def test_bad_arguments_are_one_line(runs, arguments, message, capsys):
    given = [str(runs / "qif"), *arguments] if arguments else []
    with pytest.raises(SystemExit) as stop:
        temporal.main(given)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


GRID = (0.2, 0.4, 0.6, 0.8, 1.0)


def changing(a, u_c, u_th, steps=20):
    """Constant inputs in |I| <= 4 u_th, and whether the spikes change with time."""
    currents = np.linspace(-4 * u_th, 4 * u_th, 801)
    _, spikes, _ = reference.qif(np.tile(currents, (steps, 1)), a, 0.0, u_c, u_th)
    return currents, np.any(spikes != spikes[0], axis=0)


def test_constant_input_changes_nothing_where_docs_time_says_so():
    """For the 125 settings of Table 6, against the proof and the counts there."""
    use_time = dict.fromkeys(("below", "above"), 0)
    for a, u_c, u_th in itertools.product(GRID, GRID, GRID):
        currents, changed = changing(a, u_c, u_th)
        use_time["below" if u_c < u_th else "above"] += np.any(changed)
        if u_c < u_th:
            # Between u_c and u_th the potential grows from step to step.
            assert np.any(changed & (currents > 0))
            continue
        assert not np.any(changed[currents >= 0])
        b = 1 - a * u_c
        bound = -(b + (b * b + 4 * a * u_th) ** 0.5) / (2 * a)
        assert np.all(changed[currents < bound - 1e-9])
    assert use_time == {"below": 50, "above": 42}


def test_default_parameters_repeat_the_first_step_within_eight_sigma():
    currents = np.linspace(-3.99, 40.0, 2001)
    _, spikes, _ = reference.qif(np.tile(currents, (20, 1)), *QIFParams())
    assert np.all(spikes == spikes[0])
    _, spikes, _ = reference.qif(np.full((2, 1), -4.01), *QIFParams())
    np.testing.assert_array_equal(spikes[:, 0], [0, 1])
