"""The ledger: commands that exist, sentences by hand, numbers of the paper."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from experiments import config
from experiments.ledger import __main__ as ledger
from experiments.ledger import measured
from experiments.ledger.claims import SECTIONS
from experiments.ledger.measured import Results

CLAIMS = [claim for claims in SECTIONS.values() for claim in claims]
PAPER = Path(__file__).parents[2] / "shared" / "paper"


def spread(*values):
    mean = sum(values) / len(values)
    deviation = (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5
    return {"mean": mean, "deviation": deviation, "values": values}


def comparison(name, qif, lif):
    """A comparison whose numbers are (accuracy, rate, energy, curve)."""

    def summary(accuracy, rate, energy, curve):
        return {
            "accuracy": spread(accuracy - 0.01, accuracy + 0.01),
            "mean_firing_rate": spread(rate, rate),
            "total_energy_mj": spread(energy, energy),
            "curve": [spread(value, value) for value in curve],
        }

    summaries = {"qif": summary(*qif), "lif": summary(*lif)}
    return {"name": name, "summaries": summaries, "differences": {}}


@pytest.fixture
def results(tmp_path):
    def write(name, content):
        file = tmp_path / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))

    qif, lif = (0.9, 0.1, 0.5, [0.5, 0.9]), (0.8, 0.2, 1.0, [0.6, 0.8])
    write("fashion_mnist_lenet5", comparison("fashion_mnist_lenet5", qif, lif))
    write("cifar10_resnet19", comparison("cifar10_resnet19", qif, lif))
    return tmp_path, write


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.what[:40])
def test_commands_exist_and_name_known_experiments(claim):
    for module in re.findall(r"experiments\.\w+", claim.command):
        assert importlib.util.find_spec(module) is not None
    trains = r"experiments\.(?:compare|learning_rates|sweep) (\w+)"
    for name in re.findall(trains, claim.command):
        assert name in config.names()


def test_sentences_by_hand(results):
    folder, write = results
    read = Results(folder)
    assert measured.comparison("cifar10_resnet19", measured.energies)(read) == (
        "LIF 1 ± 0 and QIF 0.5 ± 0 mJ (2.00x)"
    )
    assert measured.comparison("cifar10_resnet19", measured.accuracies)(read) == (
        "QIF 90.00 ± 1.41 %, LIF 80.00 ± 1.41 %"
    )
    assert "0.50 on fashion_mnist_lenet5: holds" in measured.smaller_rate(read)
    assert "ahead after 1 of 2 epochs: does not hold" in measured.faster(read)
    worse = (0.9, 0.3, 0.5, [0.5, 0.9]), (0.8, 0.2, 1.0, [0.6, 0.8])
    write("nmnist", comparison("nmnist", *worse))
    assert "1.50 on nmnist: does not hold" in measured.smaller_rate(read)
    assert measured.smaller_energy(read).endswith(": holds")


def test_learning_rates_by_hand(results):
    folder, write = results

    def model(chosen, accuracy, rate):
        scores = {
            "accuracy": spread(accuracy, accuracy),
            "mean_firing_rate": spread(rate, rate),
        }
        return {"chosen": chosen, "test": {f"{chosen:g}": scores}}

    neurons = {
        "qif": model(0.005, 0.88, 0.2),
        "lif": model(0.01, 0.9, 0.2),
        "euler_qif": model(0.002, 0.89, 0.3),
    }
    write("analysis/learning_rates", {"neurons": neurons})
    said = measured.accuracy_at_best_rates(Results(folder))
    assert "QIF 88.00 ± 0.00 % at 0.005, LIF 90.00 ± 0.00 % at 0.01" in said
    assert said.endswith("does not hold")
    assert measured.euler(Results(folder)).endswith(
        "by 95 % intervals, more spikes: holds, more accurate: holds"
    )


def test_robustness_by_hand(results):
    folder, write = results
    robust = measured.robust({"robustness": "one seed", "robustness_rates": "better"})
    assert robust(Results(folder)) is None
    claims = [
        {"of": "mean", "qif": 0.88, "lif": 0.89, "true": False},
        {"of": "deviation", "qif": 0.004, "lif": 0.005, "true": True},
        {"of": "minimum", "qif": None, "lif": 0.8, "true": None},
    ]
    write("robustness", {"claims": claims})
    assert robust(Results(folder)) == (
        "one seed: mean QIF 88.00, LIF 89.00 %: does not hold, deviation QIF "
        "0.40, LIF 0.50 %: holds, minimum QIF -, LIF 80.00 %: cannot be said"
    )
    write("robustness_rates", {"claims": claims[:1]})
    assert robust(Results(folder)).endswith(
        "cannot be said; better: mean QIF 88.00, LIF 89.00 %: does not hold"
    )


def test_what_is_not_measured_names_its_command_and_what_it_lacks(results):
    folder, _ = results
    page = ledger.page(Results(folder))
    row = next(line for line in page.splitlines() if "N-Cars, VGGSNN, T = 10" in line)
    assert (
        "`experiments.compare n_cars_vggsnn --seeds 3 --report docs/results/n_c" in row
    )
    assert "one is here" in row
    row = next(
        line for line in page.splitlines() if "CIFAR-10, ResNet-19, T = 2" in line
    )
    assert "QIF 90.00 ± 1.41 %" in row
    assert "a GPU" not in row


def test_only_the_paper_s_set_up_stands_beside_its_numbers(results):
    folder, write = results
    numbers = (0.9, 0.1, 0.5, [0.5, 0.9]), (0.8, 0.2, 1.0, [0.6, 0.8])
    study = comparison("cifar10_resnet19", *numbers)
    arms = {
        "qif": {"title": "QIF, T = 2", "neuron": "qif"},
        "lif": {"title": "LIF, rate 0.1", "neuron": "lif"},
    }
    study |= {"arms": arms, "title": "narrow", "differences": {"epochs": [15, 350]}}
    read = measured.comparison("cifar10_resnet19", measured.accuracies)
    write("cifar10_resnet19", study)
    assert read(Results(folder)) is None
    rates = "0.50 against LIF, rate 0.1 (narrow); "
    assert rates in measured.smaller_rate(Results(folder))
    # Every LIF arm counts, not the one alone that suits the claim.
    study["summaries"]["lif-lower"] = study["summaries"]["qif"]
    arms["lif-lower"] = {"title": "LIF, rate 0.01", "neuron": "lif"}
    write("cifar10_resnet19", study)
    found = measured.smaller_rate(Results(folder))
    assert f"{rates}1.00 against LIF, rate 0.01 (narrow); " in found
    assert found.endswith("does not hold")
    del study["summaries"]["lif-lower"], arms["lif-lower"]
    del study["differences"]  # nobody knows
    write("cifar10_resnet19", study)
    assert read(Results(folder)) is None
    write("cifar10_resnet19", study | {"differences": {}})
    assert read(Results(folder)) == (
        "QIF, T = 2 90.00 ± 1.41 %, LIF, rate 0.1 80.00 ± 1.41 %"
    )
    shorter = {"precision": ["bfloat16", "float32"]}
    write("cifar10_resnet19", study | {"differences": shorter})
    assert read(Results(folder)).endswith("80.00 ± 1.41 % (layers in bfloat16)")


@pytest.mark.skipif(not PAPER.is_dir(), reason="the paper is not beside this checkout")
def test_numbers_of_the_paper_are_in_its_text():
    text = " ".join(file.read_text() for file in PAPER.iterdir())
    for claim in CLAIMS:
        if claim.where.startswith(("Table 1", "appendix E", "section 5.2")):
            for number in re.findall(r"\d+\.\d+", claim.paper):
                # 1.09 is printed as 1.090; ratios as 1.82 and a times sign.
                assert number in text, (claim.what, number)


def test_a_wrong_folder_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        ledger.main(
            ["--results", str(tmp_path / "none"), "--out", str(tmp_path / "a.md")]
        )
    assert stop.value.code == 2
    assert "is no folder of results" in capsys.readouterr().err
    assert not (tmp_path / "a.md").exists()
