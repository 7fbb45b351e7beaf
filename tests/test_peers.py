"""The comparison with peers: work, environments, turns; without any peer."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from benchmarks.peers import __main__ as command
from benchmarks.peers import (
    agreement,
    environments,
    measure,
    neurons,
    qifjax_worker,
    tasks,
)
from benchmarks.peers.contestants import CONTESTANTS, OURS, Environment
from benchmarks.peers.field import Field
from benchmarks.peers.worker import PeerError
from experiments.partial import Partial
from experiments.run_folder import RunError
from qifjax import LIFParams, QIFParams, window

# --- the work ------------------------------------------------------------------------


def test_the_parameters_are_those_of_qifjax():
    lif, qif = LIFParams(), QIFParams()
    assert (lif.beta, lif.u_th, lif.u_rest) == (neurons.BETA, neurons.U_TH, 0.0)
    assert qif == (neurons.A, 0.0, neurons.U_C, neurons.U_TH)
    for params, given in ((lif, neurons.LIF_WINDOW), (qif, neurons.QIF_WINDOW)):
        lower, upper, height = window(params)
        assert given == pytest.approx((lower, upper), abs=1e-15)
        assert height == 1


def test_names_on_the_command_line_are_all_that_there_are():
    starts = [f"start-{network}" for network in tasks.NETWORKS]
    assert list(get_args(command.Name)) == [*tasks.TASKS, *starts]
    assert [OURS, *get_args(command.Peer)] == list(CONTESTANTS)
    assert get_args(command.Neuron) == tasks.NEURONS


@pytest.mark.parametrize("network", tasks.NETWORKS.values(), ids=lambda n: n.name)
def test_inputs_are_the_same_each_time_and_standardised(network):
    inputs = network.inputs()
    np.testing.assert_array_equal(inputs, network.inputs())
    leading = (network.timesteps,) if network.events else ()
    assert inputs.shape == (*leading, network.batch, *network.shape)
    prepared = network.prepared(inputs)
    assert prepared.dtype == np.float32
    if network.events:
        np.testing.assert_array_equal(prepared, inputs)
    else:
        assert abs(prepared.mean()) < 0.03
        assert abs(prepared.std() - 1) < 0.01


def test_a_kernel_behind_flattened_images_moves_channels_to_the_front():
    network = tasks.NETWORKS["lenet5"]
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=network.flattened), rng.normal(size=(400, 3))
    moved = qifjax_worker._channels_first(kernel, network)
    np.testing.assert_allclose(
        np.moveaxis(image, -1, 0).ravel() @ moved, image.ravel() @ kernel
    )
    behind = rng.normal(size=(120, 10))
    assert qifjax_worker._channels_first(behind, network) is behind


# --- environments --------------------------------------------------------------------


def test_what_cannot_be_installed_is_one_line(monkeypatch, tmp_path):
    said = "WARNING: x\nERROR: No matching distribution\nERROR: that is all\n"

    def run(arguments, **_):
        failed = "none==9" in arguments
        return subprocess.CompletedProcess(arguments, failed, "", said)

    monkeypatch.setattr(environments.subprocess, "run", run)
    environment = Environment("none", (("numpy",), ("--no-deps", "none==9")))
    with pytest.raises(PeerError) as error:
        environments.build(environment, tmp_path)
    assert str(error.value) == (
        "install --quiet --no-deps none==9 failed: No matching distribution"
    )


def test_an_environment_is_built_once_for_the_same_requirements(monkeypatch, tmp_path):
    commands = []

    def run(arguments, **_):
        commands.append(arguments)
        (tmp_path / "torch").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(environments.subprocess, "run", run)
    environment = Environment("torch", (("torch==1",), ("numpy",)))
    python = environments.build(environment, tmp_path)
    assert python == tmp_path / "torch" / "bin" / "python"
    assert [arguments[-1] for arguments in commands[1:]] == ["torch==1", "numpy"]
    assert environments.build(environment, tmp_path) == python
    assert len(commands) == 3
    environments.build(Environment("torch", (("torch==2",),)), tmp_path)
    assert len(commands) == 5


def test_a_peer_that_cannot_start_is_left_out_in_one_line(monkeypatch, capsys):
    def build(environment, folder):
        raise PeerError(f"{environment.name} is not to be had")

    class Fine:
        def ask(self, do):
            return {"qifjax": "1"}

        def close(self):
            pass

    monkeypatch.setattr("benchmarks.peers.field.build", build)
    monkeypatch.setattr(Field, "start", lambda self, name, settings=None: Fine())
    with Field((OURS, "norse"), Path()) as field:
        assert list(field.workers) == [OURS]
        assert field.left_out == {"norse": "norse is not to be had"}
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: norse is left out: norse is not to be had"


def test_a_contestant_takes_part_twice_under_two_names(monkeypatch, tmp_path):
    started = []

    class Fine:
        def __init__(self, command, log, settings):
            started.append((command[-2:], dict(settings)))

        def ask(self, do):
            return {}

        def close(self):
            pass

    monkeypatch.setattr("benchmarks.peers.field.Worker", Fine)
    with Field((OURS,), tmp_path, {OURS: ("layer",)}) as field:
        field.join("again", OURS, {"SETTING": "1"})
        field.start("again", {"CACHE": "2"})
        assert field.having("lif") == [OURS, "again"]
    command = ["benchmarks.peers.qifjax_worker", "layer"]
    settings = ({}, {"SETTING": "1"}, {"SETTING": "1", "CACHE": "2"})
    assert started == [(command, each) for each in settings]


def test_a_worker_is_called_with_the_arguments_of_its_contestant(monkeypatch):
    commands = []

    class Noting:
        def __init__(self, command, log, settings):
            commands.append(command)

        def ask(self, do):
            return {}

        def close(self):
            pass

    monkeypatch.setattr("benchmarks.peers.field.Worker", Noting)
    with Field((OURS,), Path(), {OURS: ("layer",)}):
        pass
    assert commands[0][1:] == ["-m", "benchmarks.peers.qifjax_worker", "layer"]


# --- turns ---------------------------------------------------------------------------


class FakeField:
    """Contestants that note their turns and answer with their number."""

    def __init__(self, *names, fails=()):
        self.turns = []
        self.left_out = {}
        self.workers = {name: self._worker(name, fails) for name in names}

    def _worker(self, name, fails):
        def ask(do, **arguments):
            if do in fails and name != OURS:
                raise PeerError("broken")
            if do == "run":
                self.turns.append((arguments["neuron"], name))
            return float(len(self.turns))

        return SimpleNamespace(ask=ask)

    def having(self, neuron):
        return [name for name in self.workers if neuron in CONTESTANTS[name].same]

    def leave_out(self, what, error):
        self.left_out[what] = str(error)


def test_contestants_take_turns_and_a_killed_command_goes_on(tmp_path):
    partial = Partial(tmp_path / "out.json", "key")
    # Killed in the second round, behind the first of three turns.
    for part, seconds in (("qif qifjax", [7, 8]), ("lif qifjax", [7])):
        partial.add(f"neuron-2 {part}", seconds)
    partial.add("neuron-2 lif norse", [9])
    field = FakeField(OURS, "norse")
    measure.take_turns(field, "neuron-2", ("qif", "lif"), 3, partial)
    second, third = [("lif", OURS), ("lif", "norse")], [("qif", OURS)]
    assert field.turns == [*second, *third, *second]
    assert partial.done("neuron-2 qif qifjax") == [7, 8, 3]
    assert partial.done("neuron-2 lif norse") == [9, 2, 5]


@pytest.mark.parametrize("step", ["prepare", "run"])
def test_who_fails_in_a_task_is_left_out_of_it(tmp_path, step):
    partial = Partial(tmp_path / "out.json", "key")
    field = FakeField(OURS, "norse", fails=(step,))
    measure.take_turns(field, "neuron-2", ("lif",), 2, partial)
    assert field.turns == [("lif", OURS)] * 2
    assert field.left_out == {"neuron-2 lif norse": "broken"}
    assert partial.done("neuron-2 lif norse") == []


# --- agreement -----------------------------------------------------------------------


def agreeing(**changes):
    row = {"neuron": "lif", "contestant": "norse", "same": "spikes"}
    row |= {"spikes_apart": 0.0, "gradient_apart": None, "loss_apart": {}}
    return row | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spikes_apart": 1e-4}, "norse lif: 1.00e-04 of the spikes differ"),
        ({"gradient_apart": 2e-5}, "gradients differ from qifjax by 2.00e-05"),
        ({"gradient_apart": float("nan")}, "gradients differ from qifjax by nan"),
        ({"loss_apart": {"lenet5": 1e-3}}, "loss of lenet5 differs by 1.00e-03"),
    ],
)
def test_what_has_to_be_the_same_and_is_not_ends_the_command(changes, message):
    agreement.require(agreeing(gradient_apart=1e-6, loss_apart={"lenet5": 1e-5}))
    agreement.require(agreeing(same="cost", **changes))
    with pytest.raises(RunError, match=message):
        agreement.require(agreeing(**changes))


class FakeWorker:
    """Fires where the current is positive, with an error in the gradient."""

    def __init__(self, gradient_apart=0.0, loss=2.0, fails=False):
        self.gradient_apart, self.value, self.fails = gradient_apart, loss, fails

    def ask(self, do, **arguments):
        return getattr(self, do)(**arguments)

    def weights(self, network, found):
        np.savez(found, w=np.ones(2))

    def fire(self, neuron, given, found):
        if self.fails:
            raise PeerError("broken")
        with np.load(given) as file:
            spikes = file["currents"] > 0
            gradient = file["cotangent"] + self.gradient_apart
        np.savez(found, spikes=spikes, gradient=gradient)

    def loss(self, network, neuron, given):
        with np.load(given) as file:
            return self.value * file["w"].mean()


def agreement_of(**workers):
    field = FakeField()
    field.dismiss = field.leave_out
    field.workers = {OURS: FakeWorker(), **workers}
    return field, agreement.check(field, ("qif", "lif"), ("lenet5",))


def test_agreement_compares_what_is_said_to_be_the_same():
    field, rows = agreement_of(
        spikingjelly=FakeWorker(5e-6, 2.00002),
        norse=FakeWorker(1.0),
        snntorch=FakeWorker(fails=True),
    )
    qif, lif, norse = rows
    assert (qif["same"], qif["gradient_apart"], qif["loss_apart"]) == ("cost", None, {})
    assert lif["gradient_apart"] == pytest.approx(5e-6, rel=0.1)
    assert lif["loss_apart"] == {"lenet5": pytest.approx(2e-5)}
    assert (norse["neuron"], norse["gradient_apart"]) == ("lif", None)
    assert field.left_out == {"snntorch": "broken"}


def test_agreement_ends_at_another_gradient():
    with pytest.raises(RunError, match="spikingjelly lif: gradients differ"):
        agreement_of(spikingjelly=FakeWorker(2e-5))


# --- the command ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "1"], "--rounds must be at least 2, got 1"),
        (["--starts", "0"], "--starts must be at least 1, got 0"),
        (["--round", "3"], "unknown option --round, did you mean --rounds?"),
    ],
)
def test_bad_options_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(arguments)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_comparison_goes_on_from_what_a_killed_one_has_left(monkeypatch, tmp_path):
    field = FakeField(OURS)
    field.versions = {OURS: {"qifjax": "1"}}
    monkeypatch.setattr(command.agreement, "check", lambda *_: [])
    options = command.Peers(
        tasks=("neuron-2",), neurons=("qif",), rounds=3, out=tmp_path / "peers.json"
    )
    partial = Partial(options.out, "key")
    partial.add("neuron-2 qif qifjax", [5.0])
    found = command.compare(field, options, partial)
    assert len(field.turns) == 2
    (row,) = found["rows"]
    assert row["rounds"] == 3
    assert json.loads(json.dumps(found))["left_out"] == {}
