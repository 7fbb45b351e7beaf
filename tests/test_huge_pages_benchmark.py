"""The benchmark of huge pages: ratios, and where there are none."""

import pytest

from benchmarks import huge_pages
from experiments.partial import Partial


def test_a_row_is_of_both_processes_of_a_library(tmp_path):
    partial = Partial(tmp_path / "out.json", "me")
    partial.add("neuron-4 lif qifjax", [12.0, 15.0, 18.0])
    partial.add("neuron-4 lif qifjax-huge", [4.0, 5.0, 6.0])
    row = huge_pages.row(partial, "qifjax", "neuron-4", "lif")
    assert (row["small_seconds"], row["huge_seconds"]) == (15.0, 5.0)
    assert row["ratio"] == 3.0
    assert row["ratio_interval"] == pytest.approx([3.0, 3.0])
    origin = {"command": "", "device": "CPU", "versions": {}, "git_commit": None}
    text = huge_pages.page({"rows": [row], **origin})
    assert "| neuron-4 | LIF | qifjax | 1.5e+04 | 5000 | 3.00 (3.00 to 3.00) |" in text


def test_a_machine_without_huge_pages_is_told_so(tmp_path, monkeypatch, capsys):
    setting = tmp_path / "enabled"
    setting.write_text("always madvise [never]\n")
    monkeypatch.setattr(huge_pages, "SUPPORT", setting)
    with pytest.raises(SystemExit):
        huge_pages.main(["--out", str(tmp_path / "out.json")])
    assert "huge pages are switched off here" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
