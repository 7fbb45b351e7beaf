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


@pytest.mark.parametrize("page", ["README.md", "docs/results/events.md"])
def test_tables_are_those_that_commands_have_made(page):
    made = [path.read_text() for path in (ROOT / "docs/results").rglob("*.md")]
    rows = re.findall(
        r"^\| (?:QIF|LIF|qif|lif).*$", (ROOT / page).read_text(), re.MULTILINE
    )
    assert rows
    for row in rows:
        assert any(row in text for text in made), row


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
