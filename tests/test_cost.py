"""The growth of cost: lines through points, and the page of a small measurement."""

import json

import pytest

from benchmarks import cost

pytestmark = pytest.mark.usefixtures("standard_promotion")


def test_a_step_in_the_cost_is_found():
    straight = [(n, 3 + 2 * n) for n in (1, 2, 4, 8)]
    assert cost.line(straight, 1) == pytest.approx((3, 2))
    assert abs(cost.farthest(straight, 1)[1]) < 1e-9
    number, share = cost.farthest([*straight, (16, 70), (32, 67)], 1)
    assert number == 16
    assert share > 0.5


@pytest.mark.slow
def test_page_and_figure(tmp_path, capsys):
    out = tmp_path / "cost.json"
    few = ("--timesteps", "1", "2", "--batches", "1", "2", "--rounds", "1")
    cost.main([*few, "--event-timesteps", "1", "2", "--out", str(out)])
    capsys.readouterr()
    found = json.loads(out.read_text())
    assert [point[0] for point in found["timesteps"]] == [1, 2]
    less, more = (found["examples"][remat][1][1] for remat in ("layer", "none"))
    assert less < more
    assert "| one more step |" in out.with_suffix(".md").read_text()
    assert out.with_suffix(".png").stat().st_size > 10_000
    assert not list(tmp_path.glob("*.partial*"))


def test_one_number_is_no_curve(tmp_path, capsys):
    with pytest.raises(SystemExit):
        cost.main(["--batches", "8", "--out", str(tmp_path / "cost.json")])
    assert "--batches must be two different numbers" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
