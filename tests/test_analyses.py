"""Commands that look into trained runs: their numbers, pages, figures and refusals."""

import html
import json
import re

import jax
import numpy as np
import pytest

from experiments import energy, landscape, train, windows
from experiments import report as report_page
from experiments.figures import __main__ as figures
from experiments.figures import theorem
from experiments.run_folder import RunFolder
from qifjax import landscape as library
from tests import reference

pytestmark = pytest.mark.usefixtures("standard_promotion")
SMALL = ("--epochs", "1", "--limit", "96", "--batch-size", "32")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A QIF network, its LIF twin, one of another network, and an unfinished one."""
    folder = tmp_path_factory.mktemp("analyses")
    with jax.numpy_dtype_promotion("standard"):
        for neuron in ("qif", "lif"):
            where = ("--neuron", neuron, "--workdir", str(folder / neuron))
            train.main(["digits_lenet5", *SMALL, *where])
        options = ("--model-options", "fc_norm", "tdbn")
        where = ("--workdir", str(folder / "other"))
        train.main(["digits_lenet5", *SMALL, *options, *where])
    unfinished = folder / "unfinished"
    unfinished.mkdir()
    config = (folder / "qif" / "config.json").read_text()
    (unfinished / "config.json").write_text(config)
    return folder


def report(module, runs, names, tmp_path, *more):
    """What a command writes: numbers and page."""
    out = tmp_path / "out" / "report.json"
    module.main([*(str(runs / name) for name in names), *more, "--out", str(out)])
    return json.loads(out.read_text()), out.with_suffix(".md").read_text()


def test_energy_is_that_of_the_result_and_ratios_are_to_the_first(runs, tmp_path):
    found, page = report(energy, runs, ("lif", "qif"), tmp_path)
    lif, qif = found["runs"]
    for run, name in ((lif, "lif"), (qif, "qif")):
        result = RunFolder(runs / name).result()
        assert run["totals_mj"]["synapses"] == pytest.approx(result["total_energy_mj"])
        for layer, value in result["energy_mj"].items():
            assert run["layers"][layer]["energy_mj"] == pytest.approx(value)
    # One channel of 28 x 28, six of 14 x 14 ... : neurons of LeNet-5.
    neurons = 28 * 28 * 6 + 10 * 10 * 16 + 120
    assert lif["totals_mj"]["neurons"] == pytest.approx(
        2 * neurons * (3.7 + 3 * 0.9) * 1e-9
    )
    ratio = qif["totals_mj"]["neurons"] / lif["totals_mj"]["neurons"]
    assert ratio == pytest.approx((2 * 3.7 + 5 * 0.9) / (3.7 + 3 * 0.9))
    assert f"({ratio:.2f}x)" in page
    by_eq_17 = lif["totals_mj"]["synapses"] / qif["totals_mj"]["synapses"]
    assert f"Here it needs {by_eq_17:.2f} times by eq. 17" in page
    assert ("does not hold" in page) == (by_eq_17 <= 1)


@pytest.mark.parametrize(
    ("lif", "verdict"),
    [
        (0.5, "with all three parts: the claim does not hold"),
        (1.1, "more, but less than in any row of the paper"),
        (1.3, "with all three parts: the claim holds"),
    ],
)
def test_the_claim_is_held_against_the_least_ratio_of_the_paper(lif, verdict):
    runs = [
        {"neuron": neuron, "totals_mj": {"synapses": total, "neurons": 0.0}}
        for neuron, total in (("qif", 1.0), ("lif", lif))
    ]
    text, _ = energy._verdict(runs)
    assert f"needs {lif:.2f} times" in text
    assert verdict in text


def test_constants_can_be_given(runs, tmp_path):
    found, page = report(
        energy, runs, ("qif",), tmp_path, "--constants", "int8", "--picojoule-mac", "1"
    )
    assert found["constants"]["mac"] == 1.0
    assert found["constants"]["ac"] == 0.03
    assert "mac as given" in page


def test_windows_against_numpy(runs, tmp_path):
    found, page = report(windows, runs, ("qif", "lif"), tmp_path, "--examples", "16")
    qif, lif = found["runs"]
    layer = qif["layers"]["conv1/neuron"]
    assert layer["predicted_mean"] == pytest.approx(0.0625)
    assert layer["predicted_variance"] == pytest.approx(0.26171875)
    assert lif["layers"]["conv1/neuron"]["predicted_mean"] is None
    for run in (qif, lif):
        for name, shares in run["layers"].items():
            rate = shares["rate"]
            parts = [
                part * weight
                for part, weight in (
                    (shares["inside_spiking"], rate),
                    (shares["inside_silent"], 1 - rate),
                )
                if part is not None
            ]
            assert sum(parts) == pytest.approx(shares["inside"], abs=1e-5), name
    assert "of spiking, %" in page


def test_figures_and_their_numbers(runs, tmp_path):
    figures.main([str(runs / "lif"), str(runs / "qif"), "--out", str(tmp_path / "f")])
    names = {path.name for path in (tmp_path / "f").iterdir()}
    kinds = ("window", "rates", "membranes", "curves")
    files = {f"{kind}.{end}" for kind in kinds for end in ("png", "json")}
    assert names == {*files, "figures.md"}
    text = (tmp_path / "f" / "figures.md").read_text()
    rates = [RunFolder(runs / n).result()["mean_firing_rate"] for n in ("lif", "qif")]
    less = 100 * (1 - rates[1] / rates[0])
    assert f"here {abs(less):.1f} % {'less' if less > 0 else 'more'}." in text
    for kind in kinds:
        assert (tmp_path / "f" / f"{kind}.png").read_bytes()[:4] == b"\x89PNG"
    numbers = json.loads((tmp_path / "f" / "rates.json").read_text())
    result = RunFolder(runs / "lif").result()
    assert numbers["runs"][0]["firing_rate"] == result["firing_rate"]
    membranes = json.loads((tmp_path / "f" / "membranes.json").read_text())
    for layer in membranes["runs"][1]["layers"].values():
        assert sum(layer["histogram"]) == pytest.approx(1, abs=1e-4)
        assert layer["u_th"] == 0.5


def test_simulated_membranes_are_those_of_the_double_loop():
    (_, defaults, _) = theorem.numbers()["sets"]
    currents = np.random.default_rng(3).normal(0, 0.5, (10, 4000))
    u, spikes, _ = reference.qif(currents, **defaults["params"])
    lower, upper = defaults["analytic"]["window"]
    inside = (lower <= u) & (u <= upper)
    assert defaults["analytic"]["inside"] == pytest.approx(inside.mean(), abs=0.01)
    assert defaults["analytic"]["inside_spiking"] == pytest.approx(
        inside[spikes == 1].mean(), abs=0.03
    )


def test_the_report_holds_everything_itself(runs, tmp_path):
    out = tmp_path / "report.html"
    folders = [str(runs / "qif"), str(runs / "lif")]
    report_page.main([*folders, "--examples", "16", "--out", str(out)])
    page = out.read_text()
    sources = re.findall(r'(?:src|href)="([^"]{0,20})', page)
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base6") for source in sources)
    assert not re.findall(r"https?://|url\(|<script|@import", page)
    assert 'name="viewport"' in page
    for name in ("qif", "lif"):
        accuracy = RunFolder(runs / name).result()["test"]["accuracy"]
        assert f"{100 * accuracy:.2f}</td>" in page
    assert "The paper has no number for this experiment." in page
    assert '"learning_rate": 0.005' in html.unescape(page)


SMALL_LANDSCAPE = ("--points", "3", "--rays", "2", "--examples", "32", "--chunk", "4")


def test_a_killed_landscape_goes_on_and_gives_the_same(runs, tmp_path, monkeypatch):
    options = (*SMALL_LANDSCAPE, "--curvature-steps", "0", "--strategy", "map")

    def run(name, *networks):
        return report(landscape, runs, networks, tmp_path / name, *options)

    whole, page = run("whole", "lif", "qif")
    assert "Here the loss of QIF rises later" in page
    assert (tmp_path / "whole" / "out" / "report.png").exists()
    evaluate = library.evaluate_points
    calls: list[int] = []

    def dies(*arguments, **settings):
        for part in evaluate(*arguments, **settings):
            calls.append(len(part))
            if len(calls) == 3:
                raise KeyboardInterrupt
            yield part

    monkeypatch.setattr(library, "evaluate_points", dies)
    with pytest.raises(KeyboardInterrupt):
        run("killed", "qif")
    partial = tmp_path / "killed" / "out" / "report.partial.json"
    assert partial.exists()
    assert not (tmp_path / "killed" / "out" / "report.json").exists()
    known = sum(len(p) for p in json.loads(partial.read_text())["parts"].values())
    assert known == sum(calls[:2])
    calls.extend([0] * 3)
    again, _ = run("killed", "qif")
    assert sum(calls) - sum(calls[:3]) == 9 + 2 * 7 - known
    assert not partial.exists()
    for name in ("losses", "radii"):
        assert again["runs"][0][name] == whole["runs"][1][name]
    middle = whole["runs"][0]["losses"][1][1]
    assert middle == pytest.approx(whole["runs"][0]["loss"])


@pytest.mark.slow
def test_the_curvature_of_a_trained_network_is_symmetric(runs, tmp_path):
    options = (*SMALL_LANDSCAPE, "--curvature-steps", "4")
    found, page = report(landscape, runs, ("qif",), tmp_path, *options)
    curvature = found["runs"][0]["curvature"]
    assert curvature["asymmetry"] < 1e-3
    assert curvature["top_eigenvalue"] > curvature["bottom_eigenvalue"]
    assert "| top eigenvalue |" in page


COMMANDS = [energy, windows, figures, report_page, landscape]


@pytest.mark.parametrize("module", COMMANDS, ids=lambda module: module.__name__)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("none",), "none holds no run"),
        (("unfinished",), "holds an unfinished run"),
        (("qif", "other"), "must have the same network"),
    ],
)
def test_wrong_runs_are_one_line(runs, module, names, message, capsys, tmp_path):
    if module is windows and len(names) > 1:
        pytest.skip("windows of different networks may be audited together")
    arguments = [str(runs / name) for name in names]
    with pytest.raises(SystemExit) as stop:
        module.main([*arguments, "--out", str(tmp_path / "out.json")])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out.json").exists()


def test_wrong_options_are_one_line(runs, capsys):
    for module, arguments, message in (
        (energy, [], "needs the folders"),
        (windows, [], "needs the folders"),
        (energy, [str(runs / "qif"), "--picojoule-ac", "-1"], "must be at least 0"),
        (windows, [str(runs / "qif"), "--examples", "0"], "must be at least 1"),
        (figures, ["a", "b", "c"], "at most two runs, got 3"),
        (landscape, [], "one or two finished runs, got 0"),
        (landscape, ["a", "--points", "1"], "--points must be at least 2, got 1"),
        (landscape, ["a", "--rise", "0"], "--rise must be > 0, got 0.0"),
    ):
        with pytest.raises(SystemExit) as stop:
            module.main(arguments)
        assert stop.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
