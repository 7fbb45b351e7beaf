"""Pieces of Markdown pages that several commands write."""

from collections.abc import Mapping, Sequence
from typing import Any


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1
) -> list[str]:
    """A table, as lines.

    Args:
      head: titles of the columns.
      rows: cells of each row.
      left: number of columns that are aligned to the left; the others hold numbers.

    Returns:
      Lines of Markdown.
    """
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def percent(share: float | None) -> str:
    """A share in percent, to two digits; nothing where there is none.

    Args:
      share: a number such as 0.5, or None.

    Returns:
      The number without a sign, such as ``"50.00"``.
    """
    return "" if share is None else f"{100 * share:.2f}"


def origin(result: Mapping[str, Any]) -> str:
    """Device, versions and commit of a result, in words."""
    versions = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
    commit, dirty, _ = (result["git_commit"] or "").partition("-dirty")
    code = f"commit {commit[:12]}{dirty}" if commit else "no commit"
    return f"{result['device']} ({versions}; {code})"


def made_by(result: Mapping[str, Any]) -> str:
    """How a result was made, as the sentence that ends its page.

    Args:
      result: its ``command`` and what :func:`experiments.provenance.describe` says.

    Returns:
      The sentence.
    """
    return f"Made by `{result['command']}` on {origin(result)}."
