"""Tables and the origin of results, as pages show them."""

from experiments import markdown


def test_table():
    lines = markdown.table(["a", "b", "c"], [["x", "1", "2"]], left=2)
    assert lines == ["| a | b | c |", "| --- | --- | ---: |", "| x | 1 | 2 |"]


def test_origin_shortens_the_commit_and_keeps_that_it_was_dirty():
    result = {"device": "D", "versions": {"jax": "1"}, "git_commit": "0" * 40}
    assert markdown.origin(result) == "D (jax 1; commit 000000000000)"
    result["git_commit"] += "-dirty"
    assert markdown.origin(result) == "D (jax 1; commit 000000000000-dirty)"
    assert markdown.origin({**result, "git_commit": None}) == "D (jax 1; no commit)"


def test_a_page_ends_with_how_it_was_made():
    result = {"device": "D", "versions": {}, "git_commit": None, "command": "a -b"}
    assert markdown.made_by(result) == "Made by `a -b` on D (; no commit)."
