"""The report of what shortened states cost, from runs whose scores are known."""

import pytest

from benchmarks import packing


def score(format, seed, accuracy, pieces=5, size=2**21):
    return {
        "format": format,
        "seed": seed,
        "pieces": pieces,
        "bytes": size,
        "accuracy": accuracy,
        "loss": 0.5,
    }


def test_differences_are_of_the_same_seed():
    runs = [
        *(score(None, seed, 0.8 + seed / 10, pieces=1, size=0) for seed in (0, 1)),
        *(score("exact", seed, 0.8 + seed / 10) for seed in (0, 1)),
        *(score("bfloat16", seed, 0.79 + seed / 10) for seed in (0, 1)),
        *(score("int8-momentum", seed, 0.8) for seed in (0, 1)),
    ]
    page = packing.page(
        {"runs": runs, "limit": 100, "epochs": 5, "command": "", "device": "CPU"}
        | {"versions": {}, "git_commit": None}
    )
    rows = {line.split(" | ")[0]: line for line in page.splitlines() if "|" in line}
    assert rows["| uncut"].split(" | ")[1:3] == ["1", ""]
    assert "2.00 | 85.00 ± 7.07 | 0.00 ± 0.00" in rows["| exact"]
    assert "84.00 ± 7.07 | -1.00 ± 0.00" in rows["| bfloat16"]
    assert "80.00 ± 0.00 | -5.00 ± 7.07" in rows["| int8-momentum"]


def test_no_seed_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit:
        packing.main(["--seeds", "0", "--out", str(tmp_path / "out.json")])
    assert exit.value.code == 2
    assert "--seeds must be at least 1, got 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
