"""The table of memory by recomputation: what it says of a compiled network."""

import json

import pytest

from benchmarks import memory_use

pytestmark = pytest.mark.usefixtures("standard_promotion")


@pytest.mark.slow
def test_rows_and_page(tmp_path, capsys):
    out = tmp_path / "memory.json"
    configs = ("--configs", "digits_lenet5_smoke", "--batch-size", "16")
    memory_use.main([*configs, "--out", str(out)])
    capsys.readouterr()
    rows = {row["remat"]: row for row in json.loads(out.read_text())["rows"]}
    assert rows["layer"]["kept"] < rows["step"]["kept"] < rows["none"]["kept"]
    for row in rows.values():
        assert row["third_predicted"] == pytest.approx(row["third_compiled"], rel=0.03)
    assert "| digits_lenet5_smoke, 16 | layer |" in out.with_suffix(".md").read_text()
