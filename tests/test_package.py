"""The package as a whole: what importing it loads, and what it says of itself."""

import subprocess
import sys

import qifjax

_HEAVY = ("flax", "optax", "orbax", "tensorstore", "tensorflow_datasets", "tyro")


def test_the_core_is_imported_without_flax_optax_and_orbax():
    program = (
        "import sys, qifjax;"
        f"print(*[m for m in {_HEAVY} if m in sys.modules], len(qifjax.__all__))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == [str(len(qifjax.__all__))]


def test_public_names_are_sorted_and_documented():
    assert qifjax.__all__ == sorted(qifjax.__all__)
    for name in qifjax.__all__:
        if name != "NeuronParams":
            assert getattr(qifjax, name).__doc__, name
