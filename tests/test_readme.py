"""The README: its example runs and its numbers are those of the result files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_examples_run(code):
    exec(compile(code, "README.md", "exec"), {})


def test_tables_are_those_of_the_result_files():
    results = [page.read_text() for page in (ROOT / "docs/results").glob("*.md")]
    rows = re.findall(r"^\| (?:QIF|LIF).*$", README, re.MULTILINE)
    assert rows
    for row in rows:
        assert any(row in page for page in results), row


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
