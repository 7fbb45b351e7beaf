"""The benchmark of the allocator's settings: ratios, and where it cannot run."""

import pytest

from benchmarks import allocation

ORIGIN = {"command": "", "device": "CPU", "versions": {}, "git_commit": None}


def result(*rows):
    named = {"neuron": "lif", "library": "qifjax"}
    rows = [{**named, **row} for row in rows]
    return {"rows": rows, "settings": allocation.SETTINGS, **ORIGIN}


def test_a_row_compares_every_setting_with_none():
    turns = [[12.0, 15.0, 18.0], [4.0, 5.0, 6.0], [6.0, 7.5, 9.0], [12.0, 15.0, 18.0]]
    row = allocation.timed(turns)
    assert (row["rounds"], row["seconds"]) == (3, 15.0)
    assert row["huge"]["seconds"] == 5.0
    assert [row[name]["ratio"] for name in allocation.SETTINGS] == [3.0, 2.0, 1.0]
    assert row["huge"]["ratio_interval"] == pytest.approx([3.0, 3.0])
    text = allocation.page(result({"task": "neuron-4", **row}))
    assert "| neuron-4 | LIF | qifjax | 1.5e+04 | 5000: 3.00 (3.00 to 3.00) |" in text
    assert "The first step" not in text
    assert "as long as qifjax" not in text


def test_libraries_are_compared_with_the_same_setting():
    ours = allocation.timed([[4.0, 4.0], [2.0, 2.0], [1.0, 1.0], [1.0, 1.0]])
    theirs = allocation.timed([[8.0, 8.0], [8.0, 8.0], [7.0, 7.0], [6.0, 6.0]])
    rows = [{"task": "neuron-4", **ours}]
    rows += [{"task": "neuron-4", **theirs, "library": "torch-eager"}]
    row = "| neuron-4 | LIF | PyTorch by hand, eager | 2.00 | 4.00 | 7.00 | 6.00 |"
    assert row in allocation.page(result(*rows))


def test_starts_are_medians_of_each_number():
    one = [20.0, 6.0, 2.0**30, 22.0, 5.0, 2.0**30, 21.0, 7.0, 2.0**31]
    row = allocation.started([one] * 4)
    assert row["starts"] == 3
    assert row["usual"] == [21.0, 6.0, 2.0**30]
    text = allocation.page(result({"task": "start-vggsnn", **row}))
    assert "| start-vggsnn | LIF | qifjax | as it is | 21.0 | 6.0 | 1,024 |" in text
    assert "how many times faster" not in text


@pytest.mark.parametrize("given", [["--rounds", "1"], ["--starts", "0"]])
def test_too_few_are_refused(tmp_path, capsys, given):
    with pytest.raises(SystemExit):
        allocation.main([*given, "--out", str(tmp_path / "out.json")])
    assert f"{given[0]} must be at least" in capsys.readouterr().err


def test_a_machine_without_huge_pages_is_told_so(tmp_path, monkeypatch, capsys):
    setting = tmp_path / "enabled"
    setting.write_text("always madvise [never]\n")
    monkeypatch.setattr(allocation, "_SUPPORT", setting)
    with pytest.raises(SystemExit):
        allocation.main(["--out", str(tmp_path / "out.json")])
    assert "huge pages are switched off here" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
