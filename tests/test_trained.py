"""A finished run is read again: its scores, its outputs, and what is refused."""

import functools
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import evaluate, train, trained
from experiments.config import Config, ConfigError
from experiments.run_folder import RunFolder
from qifjax.evaluation import outputs

pytestmark = pytest.mark.usefixtures("standard_promotion")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "run"
    settings = ("--epochs", "1", "--limit", "160", "--batch-size", "64")
    with jax.numpy_dtype_promotion("standard"):
        train.main(["digits_lenet5", *settings, "--workdir", str(path)])
    return path


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        evaluate.main([*map(str, arguments)])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_scores_are_those_of_the_run(finished, tmp_path, capsys):
    out = tmp_path / "deep" / "scores.json"
    evaluate.main([str(finished), "--out", str(out)])
    said = capsys.readouterr().out
    mine, theirs = json.loads(out.read_text()), RunFolder(finished).result()
    for name in ("test", "firing_rate", "energy_mj", "timesteps", "config"):
        assert mine[name] == theirs[name]
    assert f"test accuracy {theirs['test']['accuracy']:.4f} of 160 examples" in said


def test_precision_can_be_another(finished, tmp_path):
    out = tmp_path / "scores.json"
    evaluate.main([str(finished), "--precision", "bfloat16", "--out", str(out)])
    mine, theirs = json.loads(out.read_text()), RunFolder(finished).result()
    assert mine["config"]["precision"] == "bfloat16"
    assert mine["test"]["loss"] != theirs["test"]["loss"]
    assert mine["test"]["loss"] == pytest.approx(theirs["test"]["loss"], rel=0.05)


def test_outputs_of_every_example_in_order(finished, tmp_path):
    network = trained.load(finished, tmp_path)
    task, examples = network.experiment.task, network.examples
    neuron = network.experiment.hparams.neuron
    run = jax.jit(functools.partial(outputs, task))
    found = run(network.params, network.model_state, examples, neuron)
    assert found.shape == (2, 160, 10)
    last = task.preprocess(examples.inputs[-3:])
    expected, _ = task.network.evaluate(
        network.params, network.model_state, last, neuron
    )
    np.testing.assert_allclose(found[:, -3:], expected, atol=1e-5)
    right = jnp.argmax(jnp.mean(found, 0), -1) == examples.labels
    accuracy = RunFolder(finished).result()["test"]["accuracy"]
    assert jnp.mean(right) == pytest.approx(accuracy, rel=1e-6)


def test_what_is_no_finished_run_is_refused(finished, tmp_path, capsys):
    assert "holds no run; train one with" in refused(capsys, tmp_path)
    shutil.copytree(finished, tmp_path / "half")
    (tmp_path / "half" / "result.json").unlink()
    assert "holds an unfinished run" in refused(capsys, tmp_path / "half")
    shutil.copytree(finished, tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare" / "checkpoints")
    assert "no checkpoint in" in refused(capsys, tmp_path / "bare")


def test_configurations_survive_json():
    config = Config(neuron="lif", model_options={"pool": "max"}, resize=20)
    plain = json.loads(json.dumps(config.to_json()))
    assert Config.from_json(plain) == config
    del plain["resize"]
    assert Config.from_json(plain).resize == 0
    with pytest.raises(ConfigError, match="unknown settings colour: .*another version"):
        Config.from_json({**plain, "colour": 1})
