"""The command that times how networks start."""

import json

import pytest

from experiments import starts
from qifjax import LIFParams


def test_second_start_finds_what_the_first_has_left(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(starts, "NEURONS", {"lif": LIFParams()})
    out = tmp_path / "results" / "starts.json"
    starts.main(["--networks", "lenet5", "--out", str(out)])
    result = json.loads(out.read_text())
    assert result["command"].startswith(
        "python -m experiments.starts --networks lenet5"
    )
    (row,) = result["starts"]
    assert (row["network"], row["neuron"]) == ("lenet5", "lif")
    assert row["first"]["compile"] > row["second"]["compile"] > 0
    assert min(*row["first"].values(), *row["second"].values()) > 0
    assert "lenet5 lif: first start" in capfd.readouterr().err


@pytest.mark.parametrize("network", ["vggsnn", "meta_spikeformer"])
def test_events_and_images_have_a_training_step(network, tmp_path, monkeypatch):
    task, arguments = starts.training_step(network, "qif", 1 / 16)
    state, examples, *_ = arguments
    assert examples.inputs.dtype == "uint8"
    assert examples.inputs.ndim == {"vggsnn": 5, "meta_spikeformer": 4}[network]
    assert task.batch_size == len(examples.labels) == starts.BATCH
    assert state.params


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--networks", "lenet6"], "lenet6"),
        (["--rounds", "0"], "--rounds must be at least 1, got 0"),
        (["--width-multiplier", "0"], "width_multiplier must be above 0"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, tmp_path, capsys):
    out = tmp_path / "starts.json"
    with pytest.raises(SystemExit) as stop:
        starts.main([*arguments, "--out", str(out)])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not out.exists()
