"""The memory report: layers by hand, and a third batch size against the prediction."""

import dataclasses
from pathlib import Path

import pytest

from experiments import config, memory, train
from experiments.build import build
from qifjax.parallel import layout

pytestmark = pytest.mark.usefixtures("standard_promotion")

B, T = 16, 2


def experiment(**changes):
    smoke = config.load("digits_lenet5_smoke")
    options = {"width_multiplier": 0.5}
    changes = {"batch_size": B, "model_options": options, "limit": 400, **changes}
    return build(dataclasses.replace(smoke, **changes), Path("nowhere"), layout())


@pytest.fixture(scope="module")
def plain():
    return experiment()


def test_what_layers_keep_is_named_and_counted(plain):
    kept = memory.kept_by_layer(plain)
    assert set(kept) == {"conv1", "conv2", "fc1", memory._ELSEWHERE}
    # conv1 of 3 channels keeps at least the potential of every neuron and step.
    assert kept["conv1"] > T * B * 28 * 28 * 3 * 4
    assert kept["conv1"] > kept["conv2"] > kept["fc1"]


def test_recomputed_layers_keep_their_inputs_alone():
    kept = memory.kept_by_layer(experiment(remat="layer"))
    images = B * 28 * 28 * 1
    pooled1, pooled2 = T * B * 14 * 14 * 3, T * B * 5 * 5 * 8
    spikes = T * B * 60
    assert sum(kept.values()) == 4 * (images + pooled1 + pooled2 + spikes)


@pytest.mark.slow
def test_the_prediction_holds_for_a_third_batch_size(plain, monkeypatch):
    capacity = 8_000_000
    monkeypatch.setattr(memory, "device_memory", lambda _: capacity)
    report = memory.measure(plain)
    assert report.evaluation == 330 * 28 * 28
    training = 400 * (28 * 28 + 4)
    assert report.step.arguments > training
    assert 3 * B < report.largest < 400
    third = memory.compiled_step(plain, report.largest)
    assert third.total == pytest.approx(report.at(report.largest), rel=0.02)
    assert third.total + report.evaluation == pytest.approx(capacity, rel=0.02)


def test_a_device_that_is_too_small_or_large_enough_for_all(plain, monkeypatch):
    def step(_, size):
        return memory.Needed(1000, 10 * size)

    monkeypatch.setattr(memory, "compiled_step", step)
    monkeypatch.setattr(memory, "device_memory", lambda _: 500)
    report = memory.measure(plain)
    assert report.largest == 0
    assert "Not even one example fits." in memory.text(report, 1)
    monkeypatch.setattr(memory, "device_memory", lambda _: 10**12)
    assert memory.measure(plain).largest == 400


def test_the_command_prints_and_does_not_train(tmp_path, monkeypatch, capsys):
    def step(_, size):
        return memory.Needed(2**20, size * 2**20)

    monkeypatch.setattr(memory, "compiled_step", step)
    monkeypatch.setattr(memory, "device_memory", lambda _: 42 * 2**20)
    where = ("--workdir", str(tmp_path / "run"))
    on_two = ("--parallel", "mesh", "--memory-report")
    train.main(["digits_lenet5_smoke", *where, *on_two])
    printed = capsys.readouterr().out
    assert "One training step, 16 examples on each of 2 devices:" in printed
    assert "| temporary: activations, gradients | 16.0 |" in printed
    # One MiB of arguments and a tenth of one for evaluation leave room for 40.
    assert "Largest batch that fits: 80 examples (40 on each of 2" in printed
    assert list(tmp_path.iterdir()) == []
