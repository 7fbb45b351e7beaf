"""On four devices, all three ways of running a step agree to rounding in float64."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import parallel_agreement

ROOT = Path(__file__).parent.parent
PROGRAM = """
import json
from benchmarks import parallel_agreement
parallel_agreement.use_devices()
setting = parallel_agreement.Setting
dtypes = set()
def step(self, state, original=setting.step):
    state, loss = original(self, state)
    statistics = state.model_state["conv1"]["norm"].values()
    held = (loss, *state.params["fc2"].values(), *statistics)
    dtypes.update(str(leaf.dtype) for leaf in held)
    return state, loss
setting.step = step
found = parallel_agreement.differences("float64")
print(json.dumps({"found": found, "dtypes": sorted(dtypes)}))
"""


@pytest.mark.slow
def test_float64_agrees_to_rounding():
    # The devices of this process are two; a process of its own has four.
    flags = "--xla_backend_optimization_level=0"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["dtypes"] == ["float64"]
    assert set(answer["found"]) == {"pmap", "mesh"}
    for quantities in answer["found"].values():
        assert set(quantities) == {"loss", "gradients", "batch_statistics"}
        assert max(quantities.values()) < 1e-10
        # Were it zero, all three might have run the same program.
        assert max(quantities.values()) > 0


def test_the_page_holds_every_number():
    values = {"loss": 1e-16, "gradients": 2.5e-15, "batch_statistics": 0.0}
    result = {
        "command": "the command",
        "device": "device",
        "versions": {"jax": "1"},
        "git_commit": "0" * 40,
        "difference_from_jit": {"float64": {"pmap": values, "mesh": values}},
        "flipped_spikes_float32": {
            "at the start": {"compared": 1234567, "pmap": 3, "mesh": 4}
        },
    }
    page = parallel_agreement.page(result)
    assert "| float64 | pmap | 1.0e-16 | 2.5e-15 | 0.0e+00 |" in page
    assert "| at the start | 1,234,567 | 3 | 4 |" in page
    assert "`the command` on device" in page


@pytest.mark.slow
def test_the_command_writes_its_files(tmp_path):
    command = [sys.executable, "-m", "benchmarks.parallel_agreement", "--steps", "2"]
    out = tmp_path / "parallel.json"
    environment = {**os.environ, "XLA_FLAGS": ""}
    subprocess.run([*command, "--out", str(out)], cwd=ROOT, env=environment, check=True)
    flips = json.loads(out.read_text())["flipped_spikes_float32"]["after 2 steps"]
    assert flips["compared"] == 2 * 32 * (16 * 16 * 6 + 4 * 4 * 16 + 120)
    assert flips["pmap"] + flips["mesh"] < 0.01 * flips["compared"]
    assert "| float64 | mesh |" in out.with_suffix(".md").read_text()
