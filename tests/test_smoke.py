"""Smoke variants of the experiments run to their end without a download."""

import pytest

from experiments import config, train
from experiments.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("standard_promotion")

FAST = ("digits_lenet5", "fashion_mnist_lenet5")
"""Smoke variants that compile in seconds and simulate no camera."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in FAST else [pytest.mark.slow])
        for name in config.names()
    ],
)
def test_smoke_variants_run(name, tmp_path, data_dir, capsys):
    where = ("--workdir", str(tmp_path / "run"), "--data-dir", str(data_dir))
    train.main([f"{name}_smoke", *where])
    assert "epoch   2/2" in capsys.readouterr().out
    folder = RunFolder(tmp_path / "run")
    result = folder.result()
    assert result["config"]["name"] == f"{name}_smoke"
    assert result["test"]["examples"] == 128
    assert result["test"]["split_rule"].endswith("; 128 at equal distances")
    assert len(folder.metrics()) == 2
    assert all(entry["gradient_norm"] > 0 for entry in folder.metrics())


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """An empty folder, which keeps what the event camera has simulated."""
    return tmp_path_factory.mktemp("data")
