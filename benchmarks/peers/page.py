"""The result as a page of Markdown."""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.peers.contestants import CONTESTANTS, OURS
from benchmarks.peers.summary import verdicts
from experiments import markdown

_SAME = {
    "gradient": "spikes and gradient",
    "spikes": "spikes",
    "cost": "cost only",
}
_MEBIBYTE = 2**20


def page(result: Mapping[str, Any]) -> str:
    """The page.

    Args:
      result: what ``python -m benchmarks.peers`` writes.

    Returns:
      Markdown.
    """
    sections = [
        ("What is asked for", _asked(result)),
        ("Time", _times(result)),
        ("First step and memory", _starts(result)),
        ("QIF beside LIF", _neurons(result)),
        ("The same work", _agreement(result)),
        ("Left out", _left_out(result)),
        ("Versions", _versions(result)),
    ]
    body = [
        line
        for title, lines in sections
        if lines
        for line in (f"## {title}", "", *lines, "")
    ]
    return "\n".join(
        [
            "# qifjax and its peers at the same work",
            "",
            "What the tasks are and how they are measured: "
            "[benchmarks/README.md](../../benchmarks/README.md). Ratios are of "
            "medians, peer to qifjax: above 1, qifjax is faster.",
            "",
            *_recomputed(result),
            *body,
            markdown.made_by(result),
            "",
        ]
    )


def _recomputed(result):
    # Older results do not tell, and were made without.
    if result.get("remat", "none") == "none":
        return []
    return [f"qifjax trains with `--remat {result['remat']}` here.", ""]


def _asked(result):
    found = [
        (verdict.claim, "met" if verdict.met else "**not met**", verdict.found)
        for verdict in verdicts(result)
    ]
    return markdown.table(("requirement", "", "found"), found, left=3) if found else []


def _times(result):
    def cells(row):
        low, middle, high = (1e3 * second for second in row["seconds"])
        ratio = "" if row["contestant"] == OURS else _ratio(row)
        return (f"{middle:.4g}", f"{high - low:.2g}", ratio)

    head = ("median, ms", "interquartile range, ms", "ratio (95 %)")
    return _table(result["rows"], head, cells)


def _ratio(row):
    if "ratio" not in row:
        return ""
    low, high = row["ratio_interval"]
    return f"{row['ratio']:.2f} ({low:.2f} to {high:.2f})"


def _starts(result):
    def cells(row):
        return (
            _seconds(row["cold_seconds"], row["cold_range"]),
            _seconds(row["warm_seconds"], row["warm_range"]),
            f"{row['memory'] / _MEBIBYTE:,.0f}",
        )

    head = ("first step, cold cache, s", "warm cache, s", "peak memory, MiB")
    return _table(result["starts"], head, cells)


def _seconds(median, bounds):
    return f"{median:.1f} ({bounds[0]:.1f} to {bounds[1]:.1f})"


def _table(rows, head, cells: Callable[[Any], tuple[str, ...]]):
    ordered = sorted(rows, key=lambda row: _place(rows, row))
    named = [
        (row["task"], row["neuron"].upper(), CONTESTANTS[row["contestant"]].title)
        for row in ordered
    ]
    lines = [(*name, *cells(row)) for name, row in zip(named, ordered, strict=True)]
    if not lines:
        return []
    return markdown.table(("task", "neuron", "library", *head), lines, left=3)


def _place(rows, row):
    """Tasks in the order of the measurement, then neurons, then contestants."""
    tasks = list(dict.fromkeys(each["task"] for each in rows))
    return (
        tasks.index(row["task"]),
        row["neuron"],
        list(CONTESTANTS).index(row["contestant"]),
    )


def _neurons(result):
    lines = [
        (
            row["task"],
            f"{row['ratio']:.3f}",
            "{:.3f} to {:.3f}".format(*row["interval"]),
            str(row["rounds"]),
        )
        for row in result["qif_to_lif"]
    ]
    head = ("task", "QIF / LIF in qifjax", "95 % interval", "rounds")
    return markdown.table(head, lines) if lines else []


def _agreement(result):
    lines = [
        (
            CONTESTANTS[row["contestant"]].title,
            row["neuron"].upper(),
            _SAME[row["same"]],
            f"{100 * row['spikes_apart']:.2g}",
            "" if row["gradient_apart"] is None else f"{row['gradient_apart']:.1e}",
            ", ".join(f"{k} {v:.1e}" for k, v in row["loss_apart"].items()),
        )
        for row in result["agreement"]
    ]
    head = (
        *("library", "neuron", "the same as ours", "spikes that differ, %"),
        *("gradient apart", "first loss apart, nats"),
    )
    return markdown.table(head, lines, left=3) if lines else []


def _left_out(result):
    return [f"- {what}: {why}" for what, why in result["left_out"].items()]


def _versions(result):
    return [
        f"- {CONTESTANTS[name].title}: "
        + ", ".join(f"{package} {version}" for package, version in versions.items())
        for name, versions in result["versions_of"].items()
    ]
