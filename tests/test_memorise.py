"""The memorise command, and the page made from its results."""

import json

import jax
import pytest

from experiments import memorise, models_table, provenance
from experiments.memorisation import SUBJECTS
from qifjax import nn

pytestmark = pytest.mark.usefixtures("standard_promotion")

# An eighth of the width is enough for these to learn the batch within 100 steps. The
# deeper ones need their full width for that: docs/results/models.md.
SHALLOW = ("dvs_gesture_net", "vgg11", "vggsnn")


def command(*arguments):
    memorise.main([*map(str, arguments)])


def test_every_network_is_a_subject():
    assert set(SUBJECTS) == set(nn.names())


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    with jax.numpy_dtype_promotion("standard"):
        command("lenet5", "--neuron", "lif", "--out", folder / "lenet5-lif.json")
    return folder


def test_lenet5_learns_a_batch_by_heart(results):
    result = json.loads((results / "lenet5-lif.json").read_text())
    assert 1 < result["steps"] == result["steps_taken"] <= 100
    assert 1 <= result["steps_training_mode"] <= result["steps"]
    assert result["parameter_count"] == 51_924
    assert result["operations"] == 406_800
    assert result["input_shape"] == [16, 28, 28, 1]
    assert list(result["populations"]) == ["conv1/neuron", "conv2/neuron", "fc1/neuron"]
    start = result["populations"]["conv1/neuron"]["initial"]
    assert 0.1 < start["rate"] < 0.3
    assert "lenet5 --neuron lif" in result["command"]


STARTS = {
    "command": "python -m experiments.starts --rounds 3",
    **provenance.describe(),
    "batch_size": 16,
    "rounds": 3,
    "starts": [
        {
            "network": "lenet5",
            "neuron": "lif",
            "first": {"trace": 1.0, "lower": 0.5, "compile": 6.5},
            "second": {"trace": 0.75, "lower": 0.25, "compile": 1.0},
        }
    ],
}


def test_page(results, tmp_path, capsys):
    out, starts = tmp_path / "docs" / "models.md", tmp_path / "starts.json"
    starts.write_text(json.dumps(STARTS))
    models_table.main([str(results), "--starts", str(starts), "--out", str(out)])
    result = json.loads((results / "lenet5-lif.json").read_text())
    text = out.read_text()
    row, start = (line for line in text.splitlines() if line.startswith("| LeNet-5"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:10] == [
        *("LeNet-5", "LIF", "1", "51,924", "0.4", "16, 2", "0.001", "0", "analytic"),
        str(result["steps"]),
    ]
    assert (
        start
        == "| LeNet-5 | LIF | 8.0 | 1.0 | 0.5 | 6.5 | 2.0 | 0.8 | 0.2 | 1.0 | 0.25 |"
    )
    assert STARTS["command"] in text
    assert "### LeNet-5, LIF, analytic" in text
    assert result["command"] in text


def test_dropout_has_its_random_numbers(tmp_path):
    """Chosen by the step, so that another run draws the same."""
    settings = ("--model-options", "dropout", 0.5, "--width-multiplier", 0.0625)
    settings += ("--examples", 2, "--steps", 2)
    losses = []
    for name in ("a.json", "b.json"):
        with pytest.raises(SystemExit):
            command("vggsnn", *settings, "--out", tmp_path / name)
        losses.append(json.loads((tmp_path / name).read_text())["final_loss"])
    assert losses[0] == losses[1]


def test_failure_to_learn_is_said(results, tmp_path, capsys, monkeypatch):
    result = json.loads((results / "lenet5-lif.json").read_text())
    failed = {**result, "steps": None, "steps_training_mode": 17}
    monkeypatch.setattr(memorise, "memorise", lambda *_, **__: failed)
    with pytest.raises(SystemExit) as stop:
        command("lenet5", "--steps", 20, "--out", tmp_path / "result.json")
    assert stop.value.code == 1
    out = capsys.readouterr().out
    assert "NOT memorised (in training mode in 17)" in out
    assert json.loads((tmp_path / "result.json").read_text())["steps"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenet6"], "lenet6"),
        (["lenet5", "--examples", "1"], "--examples must be at least 2, got 1"),
        (["lenet5", "--steps", "9", "--settle", "9"], "below --steps 9, got 9"),
        (["lenet5", "--learning-rate", "0"], "--learning-rate must be > 0, got 0.0"),
        (["lenet5", "--width-multiplier", "0"], "width_multiplier must be above 0"),
        (["lenet5", "--model-options", "pool", "mean"], "one of 'avg', 'max'"),
        (["lenet5", "--model-options", "timesteps", "3"], "timesteps"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        memorise.main(arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_folder_without_results_is_refused(tmp_path, capsys):
    for content in (None, "{}"):
        if content:
            (tmp_path / "other.json").write_text(content)
        with pytest.raises(SystemExit) as stop:
            models_table.main([str(tmp_path), "--out", str(tmp_path / "page.md")])
        assert stop.value.code == 2
        assert "experiments.memorise" in capsys.readouterr().err


def test_starts_have_to_be_measured(results, tmp_path, capsys):
    starts, out = tmp_path / "starts.json", tmp_path / "page.md"
    for content, message in (
        (None, "run `python -m experiments.starts"),
        ("{}", "no result of"),
    ):
        if content:
            starts.write_text(content)
        with pytest.raises(SystemExit) as stop:
            models_table.main(
                [str(results), "--starts", str(starts), "--out", str(out)]
            )
        assert stop.value.code == 2
        assert message in capsys.readouterr().err
        assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize("neuron", ["qif", "lif"])
@pytest.mark.parametrize("network", SHALLOW)
def test_narrow_networks_learn_a_batch_by_heart(network, neuron, tmp_path):
    out = tmp_path / "result.json"
    settings = ("--width-multiplier", 0.125, "--learning-rate", 3e-3)
    command(network, "--neuron", neuron, *settings, "--out", out)
    assert json.loads(out.read_text())["steps"] <= 100
