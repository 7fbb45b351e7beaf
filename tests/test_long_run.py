"""The long run: what is called flat and steady, and that it observes a real run."""

import json
import sys

import pytest

from benchmarks import long_run
from benchmarks.long_run import Sample


def samples(growth, slowing, number=200):
    """An epoch takes 1 s, and ``slowing`` more from epoch 150 on."""
    found, seconds = [], 0.0
    for epoch in range(1, number + 1):
        found.append(Sample(epoch, seconds, 500 + growth * epoch, 2 * seconds))
        seconds += 1 + slowing * (epoch > 150)
    return found


def test_growth_and_slowing_are_seen():
    flat = long_run.summarise(samples(0.0, 0.0))
    assert flat["memory_mib"]["growth_per_1000_epochs"] == 0
    assert flat["seconds_an_epoch"]["ratio"] == 1
    leaking = long_run.summarise(samples(0.25, 0.5))
    assert leaking["memory_mib"]["growth_per_1000_epochs"] == 250
    assert leaking["memory_mib"]["last_epoch"] == 550
    assert leaking["seconds_an_epoch"]["ratio"] == 1.5
    assert leaking["cpu_an_epoch"]["last_tenth"] == 3
    assert leaking["epochs"] == 200


def test_the_page_holds_the_numbers():
    origin = {"device": "device", "versions": {"jax": "1"}, "git_commit": "0" * 40}
    text = long_run.page(
        {
            **long_run.summarise(samples(0.25, 0.5)),
            **origin,
            "command": "the command",
            "load_average": [1.5, 2.5],
        }
    )
    assert "600 MiB" not in text
    assert "550.0 MiB at the end" in text
    assert "grows by 250.0 MiB in 1,000 epochs" in text
    assert "| CPU time | 2 | 2 | 3 | 1.5 |" in text


def test_epochs_that_were_missed_share_their_time():
    kept = [sample for sample in samples(0.0, 0.0) if sample.epoch % 3]
    assert long_run.summarise(kept)["seconds_an_epoch"]["median"] == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_run_is_observed(tmp_path, capsys):
    out = tmp_path / "long_run.json"
    long_run.main(["--epochs", "20", "--limit", "64", "--out", str(out)])
    capsys.readouterr()
    found = json.loads(out.read_text())
    assert found["epochs"] == 20
    assert found["memory_mib"]["last_epoch"] > 100
    assert len(found["samples"]) > 10
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
