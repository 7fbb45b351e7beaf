"""Two real processes on this machine train one network together."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qifjax.checkpoint import Checkpoints

ROOT = Path(__file__).parent.parent


def start(folder, count, *options, plant=()):
    """Starts the processes of one run, each with one CPU device.

    ``plant`` is a fault of experiments.faults.planted for the first of them.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
    command = ["digits_lenet5", "--epochs", "2", "--batch-size", "256"]
    command += ["--save-every", "0", "--workdir", str(folder)]
    command += ["--parallel", "mesh", *options]
    if count > 1:
        command += ["--processes", str(count), "--coordinator", address]
    planted = ["experiments.faults.planted", *plant]
    return [
        subprocess.Popen(
            [
                *(sys.executable, "-m"),
                *(planted if plant and index == 0 else ["experiments.train"]),
                *command,
                *(["--process-index", str(index)] if count > 1 else []),
            ],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(count)
    ]


def finish(running):
    outputs = [process.communicate(timeout=240)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), outputs
    return outputs


def metrics(folder):
    """What the two epochs computed, to the last bit."""
    names = ("step", "train_loss", "gradient_norm", "loss", "accuracy")
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{name: json.loads(line)[name] for name in names} for line in lines]


def result(folder):
    return json.loads((folder / "result.json").read_text())


@pytest.mark.slow
def test_two_processes_train_stop_together_and_go_on(tmp_path):
    outputs = finish(start(tmp_path / "whole", 2))
    whole = result(tmp_path / "whole")
    assert whole["device_count"] == 2
    assert "epoch   2/2" in outputs[0]
    assert "epoch" not in outputs[1]  # only the first process speaks

    running = start(tmp_path / "killed", 2)
    while not (tmp_path / "killed/checkpoints/00000005").exists():
        assert running[0].poll() is None, running[0].communicate()
        time.sleep(0.05)
    for process in running:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not (tmp_path / "killed/result.json").exists()
    finish(start(tmp_path / "killed", 2, "--resume"))
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")
    assert result(tmp_path / "killed")["test"] == whole["test"]

    # One process goes on with what two have begun.
    (tmp_path / "killed/result.json").unlink()
    finish(start(tmp_path / "killed", 1, "--resume-step", "5"))
    alone = result(tmp_path / "killed")
    assert alone["device_count"] == 1
    assert alone["train"]["loss"] == pytest.approx(whole["train"]["loss"], rel=0.02)


@pytest.mark.slow
def test_all_processes_end_where_one_cannot_write(tmp_path):
    running = start(tmp_path / "run", 2, plant=("file-size", "before"))
    outputs = [process.communicate(timeout=240)[0] for process in running]
    assert [process.returncode for process in running] == [2, 2], outputs
    for output, reason in zip(
        outputs, ("File too large", "another process failed"), strict=True
    ):
        line = output.strip().splitlines()[-1]
        assert line.startswith("error: cannot write checkpoint"), output
        assert reason in line
        assert "the last good one is" in line
    checkpoints = Checkpoints(tmp_path / "run/checkpoints")
    assert checkpoints.steps() == [5]
    assert checkpoints.damage(5) == ""
