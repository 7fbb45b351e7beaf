"""The conversation with the process of a peer, without any peer."""

import sys

import numpy as np
import pytest

from benchmarks.peers.worker import PeerError, Worker

_FAKE = """
import sys
from benchmarks.peers.serving import Comparable, serve

class Fake(Comparable):
    def versions(self):
        print("a library that prints")
        return {"fake": "1.0"}
    def work(self, task, neuron):
        if neuron == "qif":
            raise ValueError("no such\\nneuron")
        def work(steps):
            done.extend([task.network] * steps)
            if len(done) > 20:
                print("out of luck", file=sys.stderr)
                sys.stderr.flush()
                import os; os._exit(1)
        done = []
        return work
    def fire(self, neuron, currents, cotangent):
        return (currents > 0).astype("float32"), 2 * cotangent
    def loss(self, network, neuron, weights):
        return float(weights["w"].sum()) + network.timesteps

serve(Fake())
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("worker") / "log"


@pytest.fixture(scope="module")
def worker(log):
    with Worker([sys.executable, "-c", _FAKE], log) as worker:
        yield worker


def test_answers_are_apart_from_what_libraries_print(worker, log):
    assert worker.ask("versions") == {"fake": "1.0"}
    assert "a library that prints" in log.read_text()


def test_an_error_is_one_line_and_the_worker_lives_on(worker):
    with pytest.raises(PeerError) as error:
        worker.ask("prepare", task="train-lenet5", neuron="qif", warm_up=1)
    assert str(error.value) == "prepare failed: ValueError: no such neuron"
    assert worker.ask("versions")


def test_a_turn_takes_the_steps_of_its_task_and_gives_seconds_a_step(worker):
    worker.ask("prepare", task="infer-resnet19", neuron="lif", warm_up=3)
    assert 0 <= worker.ask("run", task="infer-resnet19", neuron="lif") < 1
    peak = worker.ask("peak_memory", task="infer-resnet19", neuron="lif")
    assert 2**20 < peak < 2**32
    worker.ask("drop")
    with pytest.raises(PeerError, match="KeyError"):
        worker.ask("run", task="infer-resnet19", neuron="lif")


def test_arrays_travel_in_files(worker, tmp_path):
    given, found = str(tmp_path / "given.npz"), str(tmp_path / "found.npz")
    currents, cotangent = np.float32([[-1, 2]]), np.float32([[3, 4]])
    np.savez(given, currents=currents, cotangent=cotangent)
    worker.ask("fire", neuron="lif", given=given, found=found)
    with np.load(found) as file:
        np.testing.assert_array_equal(file["spikes"], [[0, 1]])
        np.testing.assert_array_equal(file["gradient"], 2 * cotangent)
    np.savez(given, w=np.float32([1, 2]))
    assert worker.ask("loss", network="vggsnn", neuron="lif", given=given) == 13


def test_a_worker_that_is_killed_says_so(tmp_path):
    killed = "import os, signal; input(); os.kill(os.getpid(), signal.SIGKILL)"
    message = r"ended at versions: killed by SIGKILL$"
    with (
        Worker([sys.executable, "-c", killed], tmp_path / "log") as worker,
        pytest.raises(PeerError, match=message),
    ):
        worker.ask("versions")


def test_a_worker_that_dies_says_its_last_words(tmp_path):
    with Worker([sys.executable, "-c", _FAKE], tmp_path / "log") as worker:
        with pytest.raises(PeerError, match=r"ended at prepare: out of luck$"):
            worker.ask("prepare", task="train-lenet5", neuron="lif", warm_up=30)
        with pytest.raises(PeerError, match=r"ended at versions: out of luck$"):
            worker.ask("versions")
