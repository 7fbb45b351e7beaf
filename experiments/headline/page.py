"""The page of a study."""

from experiments import markdown, paper
from experiments.comparison import rate_table, ratio
from experiments.headline import verdicts
from experiments.headline.claims import claims
from experiments.headline.report import Report


def page(report: Report, figure: str) -> str:
    """The report as a page of Markdown.

    Args:
      report: what has been found.
      figure: name of the figure beside the page.
    """
    config, arms = report.config, report.arms
    summaries = {arm.title: arm.summary for arm in arms.values()}
    lines = [
        f"# {report.title[0].upper()}{report.title[1:]}",
        "",
        f"QIF against LIF with {config.optimizer}, cosine decay, weight decay "
        f"{config.weight_decay:g}, batch {config.batch_size}, "
        f"{report.parameter_count:,} parameters.",
        "",
        f"Made by `{report.command}` from runs on {'; '.join(report.trained)}.",
        "",
        *_missing(report),
        *_table(report),
        "",
        "Mean ± sample standard deviation over the seeds; accuracy on the "
        f"{report.examples:,} {config.evaluate_on} examples after the last epoch, with "
        "no choice of epoch; energy of an example by eq. 17 (45 nm, float32), held "
        f"against that of the first row; speed of training on {config.batch_size} "
        "examples a step, without compilation and evaluation. Runs of different "
        "sittings may come from machines of different speed, so that speeds of arms "
        "are no comparison.",
        "",
        f"![Learning curves and firing rates]({figure})",
        "",
        "## The paper's numbers",
        "",
        *_papers(report),
        "",
        "## What holds and what does not",
        "",
        verdicts.RULE,
        "",
        *_claims(report),
        "",
        "## What differs from the paper's set-up",
        "",
        *_differing(report),
        "",
        "## Firing rate per layer",
        "",
        "Spikes per neuron and time step:",
        "",
        *rate_table(summaries),
        "",
    ]
    return "\n".join(lines)


def _missing(report: Report) -> list[str]:
    """Which runs are not finished, if any."""
    parts = [f"{title} (all {report.seeds} seeds)" for title in report.untrained]
    for arm in report.arms.values():
        if arm.missing:
            seeds = ", ".join(map(str, sorted(arm.missing)))
            parts.append(f"{arm.title} (seeds {seeds})")
    return [f"**Not finished yet:** {'; '.join(parts)}.", ""] if parts else []


def _table(report: Report) -> list[str]:
    base = next(iter(report.arms.values())).summary.total_energy_mj
    rows = []
    for arm in report.arms.values():
        summary = arm.summary
        energy = summary.total_energy_mj
        rows.append(
            [
                arm.title,
                ", ".join(map(str, arm.seeds)),
                summary.accuracy.format(".2f", 100),
                summary.mean_firing_rate.format(".2f", 100),
                energy.format(".4g", 1000),
                ratio(energy, base),
                arm.examples_per_second.format(".0f"),
                summary.train_seconds.format(".0f"),
            ]
        )
    head = ["arm", "seeds", "accuracy, %", "firing rate, %", "energy, µJ"]
    head += ["of the first", "examples/s", "training, s"]
    return markdown.table(head, rows, left=2)


def _papers(report: Report) -> list[str]:
    """The paper's numbers of the same experiment at its own size."""
    lif, qif = paper.ENERGY_MJ[report.paper]
    accuracy = paper.QIF_ACCURACY[report.paper]
    lines = [
        f"`{report.paper}` in the paper: QIF {accuracy} (its table is lost; this "
        f"follows from its text) and {qif:.3f} mJ, LIF {lif:.3f} mJ "
        f"({lif / qif:.2f} times). The authors' later version: "
        f"{paper.LATER_ACCURACY[report.paper]} with the TET loss."
    ]
    if report.differences:
        lines.append(
            "With another set-up neither accuracy nor energy can be held against these "
            "as they are, only ratios and directions."
        )
    return lines


def _claims(report: Report) -> list[str]:
    found = claims(report)
    if not found:
        return ["No two arms that could be compared are finished."]
    return [
        f"- {claim.what}: **{claim.verdict}** against {claim.against}: "
        f"{claim.measured}."
        for claim in found
    ]


def _differing(report: Report) -> list[str]:
    rows = [[name, f"{a}", f"{b}"] for name, (a, b) in report.differences.items()]
    own = [
        "Each arm's title says where its learning rate is the paper's. Every number is "
        f"over at most {report.seeds} seeds."
    ]
    if not rows:
        return ["No setting.", "", *own]
    return [*markdown.table(["setting", "here", "paper"], rows, left=3), "", *own]
