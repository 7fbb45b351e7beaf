"""What the comparison with peers says: ratios, verdicts and page."""

import pytest

from benchmarks.peers import summary
from benchmarks.peers.page import page

AGREEING = {
    "neuron": "lif",
    "contestant": "norse",
    "same": "spikes",
    "spikes_apart": 0.0,
    "gradient_apart": None,
    "loss_apart": {"lenet5": 1e-7},
}


def test_ratios_are_of_medians_over_the_rounds_that_both_have():
    parts = {
        "train-lenet5 qif qifjax": [1.0, 2.0, 3.0],
        "train-lenet5 lif qifjax": [1.0, 2.0],
        "train-lenet5 qif spikingjelly": [4.0, 6.0, 50.0, 1000.0],
        "infer-lenet5 lif norse": [1.0, 1.0],
    }
    ours, lif, peer, alone = summary.rows(parts)
    assert ours["seconds"] == [1.5, 2.0, 2.5]
    assert peer["ratio"] == 3.0
    assert peer["rounds"] == 4
    low, high = peer["ratio_interval"]
    assert 2 <= low <= 3 <= high <= 50
    assert "ratio" not in alone
    (between,) = summary.qif_to_lif(parts)
    assert between["ratio"] == 1.0
    assert between["rounds"] == 2


def test_starts_are_told_apart():
    (row,) = summary.starts(
        {"train-vggsnn qif norse": [9, 3, 100, 7, 1, 300, 8, 2, 200]}
    )
    assert (row["cold_seconds"], row["warm_seconds"], row["memory"]) == (8, 2, 200)
    assert (row["cold_range"], row["warm_range"]) == ([7, 9], [1, 3])
    assert row["starts"] == 3


def result(parts, starts=()):
    return {
        "rows": summary.rows(parts),
        "starts": summary.starts(dict(starts)),
        "qif_to_lif": summary.qif_to_lif(parts),
    }


def verdicts(parts, starts=()):
    found = summary.verdicts(result(parts, starts))
    return {verdict.claim: (verdict.met, verdict.found) for verdict in found}


@pytest.mark.parametrize(("spikingjelly", "met"), [(1.41, True), (1.39, False)])
def test_the_fastest_peer_decides_about_networks(spikingjelly, met):
    parts = {
        "train-lenet5 qif qifjax": [1.0] * 3,
        "train-lenet5 qif torch-eager": [2.0] * 3,
        "train-lenet5 qif spikingjelly": [spikingjelly] * 3,
        "infer-vggsnn lif qifjax": [1.0] * 3,
        "infer-vggsnn lif norse": [spikingjelly - 0.4] * 3,
    }
    assert verdicts(parts) == {
        "train-lenet5, QIF: at least 1.4 times the fastest peer": (
            met,
            f"{spikingjelly} (SpikingJelly; 95 %: {spikingjelly} to {spikingjelly})",
        ),
        "infer-vggsnn, LIF: at least 1.0 times the fastest peer": (
            met,
            f"{spikingjelly - 0.4:.2f} (Norse; 95 %: {spikingjelly - 0.4:.2f} to "
            f"{spikingjelly - 0.4:.2f})",
        ),
    }


def test_neurons_that_step_are_held_to_more_than_those_that_do_not():
    parts = {
        "neuron-4 lif qifjax": [1.0] * 2,
        "neuron-4 lif spikingjelly": [2.0] * 2,
        "neuron-4 lif torch-eager": [6.0] * 2,
        "neuron-4 lif norse": [4.9] * 2,
        # Compiled programs are in the table, but nothing is asked of them.
        "neuron-4 lif torch-compiled": [0.5] * 2,
    }
    found = verdicts(parts)
    assert found.pop("neuron-4, LIF: at least 2.0 times the multi-step peer")[0]
    met, number = found.pop("neuron-4, LIF: at least 5.0 times each step-by-step peer")
    assert not met
    assert number.startswith("4.90 (Norse")
    assert not found


def test_memory_is_judged_by_the_leanest_peer():
    starts = {
        "train-vggsnn qif qifjax": [1, 1, 300],
        "train-vggsnn qif torch-eager": [1, 1, 1000],
        "train-vggsnn qif spikingjelly": [1, 1, 700],
        "train-lenet5 qif qifjax": [1, 1, 300],
        "train-lenet5 qif spikingjelly": [1, 1, 100],
    }
    claim = "train-vggsnn, QIF: at most 0.4 of the leanest peer's memory"
    assert verdicts({}, starts) == {claim: (False, "0.43 (SpikingJelly)")}


def test_qif_beside_lif_is_judged_by_the_low_end_of_the_interval():
    def of(qif):
        parts = {
            "train-resnet19 qif qifjax": qif,
            "train-resnet19 lif qifjax": [1.0] * 30,
            "neuron-2 qif qifjax": [9.0] * 30,
            "neuron-2 lif qifjax": [1.0] * 30,
        }
        claim = (
            "train-resnet19: the 95 % interval of QIF / LIF holds 1.05 or lies below it"
        )
        found = verdicts(parts)
        assert list(found) == [claim]
        return found[claim]

    assert of([1.04] * 30) == (True, "1.040 (95 %: 1.040 to 1.040, 30 rounds)")
    assert of([1.06] * 30) == (False, "1.060 (95 %: 1.060 to 1.060, 30 rounds)")
    met, found = of([1.0, 1.2] * 15)
    assert met, f"the interval {found} contains 1.05"


def test_the_page_says_what_is_not_met_and_who_is_left_out():
    parts = {
        "train-lenet5 lif norse": [0.0011] * 2,
        "train-lenet5 lif qifjax": [0.001] * 2,
    }
    starts = {"train-lenet5 lif norse": [2, 1, 2**20]}
    text = page(
        result(parts, starts)
        | {"command": "run me", "device": "CPU", "versions": {}, "git_commit": None}
        | {"agreement": [AGREEING]}
        | {"left_out": {"spyx": "not to be had"}}
        | {"versions_of": {"norse": {"norse": "1.1.0"}}}
    )
    lines = text.splitlines()
    asked = "| train-lenet5, LIF: at least 1.4 times the fastest peer | **not met** |"
    assert any(line.startswith(asked) for line in lines)
    ours = lines.index("| train-lenet5 | LIF | qifjax | 1 | 0 |  |")
    assert lines[ours + 1] == (
        "| train-lenet5 | LIF | Norse | 1.1 | 0 | 1.10 (1.10 to 1.10) |"
    )
    assert (
        "| train-lenet5 | LIF | Norse | 2.0 (2.0 to 2.0) | 1.0 (1.0 to 1.0) | 1 |"
        in (lines)
    )
    assert "| Norse | LIF | spikes | 0 |  | lenet5 1.0e-07 |" in lines
    assert "- spyx: not to be had" in lines
    assert "- Norse: norse 1.1.0" in lines
    assert "## QIF beside LIF" not in lines
    assert "--remat" not in text


def test_the_page_says_what_is_computed_again():
    made = {"command": "run me", "device": "CPU", "versions": {}, "git_commit": None}
    rest = {"agreement": [], "left_out": {}, "versions_of": {}, "remat": "layer"}
    assert "with `--remat layer` here" in page(result({}) | made | rest)
