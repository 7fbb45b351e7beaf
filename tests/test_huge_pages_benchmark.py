"""The benchmark of huge pages: turns, what is known stays, ratios."""

import pytest

from benchmarks import huge_pages
from experiments.partial import Partial


class _Worker:
    def __init__(self, seconds):
        self.seconds, self.turns = seconds, 0

    def ask(self, do, **_):
        if do != "run":
            return None
        self.turns += 1
        return self.seconds * self.turns


def test_both_processes_take_their_turns_and_what_is_known_stays(tmp_path):
    workers = {"small": _Worker(3.0), "huge": _Worker(1.0)}
    partial = Partial(tmp_path / "out.json", "me")
    huge_pages.take_turns(workers, "qifjax", "neuron-4", 3, partial)
    assert partial.done("qifjax neuron-4 qif small") == [3.0, 6.0, 9.0]
    assert partial.done("qifjax neuron-4 qif huge") == [1.0, 2.0, 3.0]
    huge_pages.take_turns(workers, "qifjax", "neuron-4", 3, partial)
    assert [worker.turns for worker in workers.values()] == [6, 6]
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
