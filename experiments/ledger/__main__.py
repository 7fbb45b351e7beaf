"""The paper beside our measurements: python -m experiments.ledger [options]."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments import cli, markdown
from experiments.ledger.claims import SECTIONS, Claim
from experiments.ledger.measured import Results
from experiments.run_folder import write_text


@dataclass(frozen=True)
class Ledger:
    """Write what the paper says beside what the results say.

    Attributes:
      results: folder of the measured results.
      out: Markdown file to write.
    """

    results: Path = Path("docs/results")
    out: Path = Path("docs/results/paper.md")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        options = cli.parse(Ledger, argv, "python -m experiments.ledger")
        write_text(options.out, page(Results(options.results)))
        print(options.out)


def page(results: Results) -> str:
    """The ledger as Markdown."""
    lines = [
        "# The paper and our measurements",
        "",
        "Every row of the paper's tables, and every claim of its text that can be "
        "measured. *Ours* is read from the files of this folder; where it is empty, "
        "the command beside it measures it, and *needs* says what that has lacked. "
        "Tables 2, 3, 4 and 6 of the paper are lost with its figures; brackets follow "
        "from its text. Its own errors have [a page](../paper_errors.md).",
    ]
    for title, claims in SECTIONS.items():
        rows = [_row(claim, results) for claim in claims]
        head = ["paper", "what", "theirs", "ours", "measured by", "needs"]
        lines += ["", f"## {title}", "", *markdown.table(head, rows, left=len(head))]
    return "\n".join([*lines, "", "Made by `python -m experiments.ledger`.", ""])


def _row(claim: Claim, results: Results) -> list[str]:
    ours = claim.ours(results)
    return [
        claim.where,
        claim.what,
        claim.paper,
        ours or "",
        f"`{claim.command}`",
        "" if ours else claim.missing,
    ]


if __name__ == "__main__":
    main()
