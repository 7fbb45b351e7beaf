"""One page about trained networks: python -m experiments.report RUN [RUN ...]."""

import base64
import html
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import (
    cli,
    energy,
    markdown,
    provenance,
    tabulate,
    trained,
    windows,
)
from experiments.figures import curves, membranes, rates
from experiments.ledger.claims import ACCURACY, ENERGY
from experiments.ledger.measured import Results
from experiments.run_folder import RunError, write_text
from qifjax.data import DataError
from qifjax.energy import PAPER

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid #ddd; text-align: left; }
th { border-bottom: 2px solid #888; vertical-align: bottom; }
td { font-variant-numeric: tabular-nums; }
[style*="right"] { text-align: right; } td[style*="right"] { white-space: nowrap; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
pre { background: #f6f6f6; padding: 0.8rem; overflow-x: auto; font-size: 0.8rem; }
summary { cursor: pointer; }
"""


@dataclass(frozen=True)
class Report:
    """Write one HTML page about trained networks of the same kind.

    The page holds everything: scores, energy, windows and figures, the configurations,
    and the paper's numbers. It opens from disk without a network. Runs that differ in
    their seed alone are one row of the first table; figures and the tables behind it
    show the first run of each neuron model.

    Attributes:
      runs: folders of finished runs of the same network and data.
      examples: how many examples windows are measured on.
      data_dir: where data sets are.
      results: folder of measured results, for the ledger.
      out: HTML file to write.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    examples: int = 512
    data_dir: Path = Path(".data")
    results: Path = Path("docs/results")
    out: Path = Path("runs/report.html")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.report"
        options = cli.parse(Report, argv, program)
        if not options.runs:
            raise RunError(f"{program} needs the folders of one or more finished runs")
        networks = [trained.load(run, options.data_dir) for run in options.runs]
        trained.require_alike(networks)
        origin = {
            "command": cli.command(program, argv),
            **provenance.describe(),
        }
        page = compose(networks, options, origin)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_text(options.out, page)
        print(options.out)


def compose(
    networks: Sequence[trained.Trained], options: Report, origin: dict[str, Any]
) -> str:
    """The page.

    Args:
      networks: networks that differ in neurons and training alone.
      options: what to measure.
      origin: command, commit, versions and device.

    Returns:
      HTML that refers to nothing outside itself.
    """
    first = list(
        {network.config.neuron: network for network in networks[::-1]}.values()
    )
    first.reverse()
    config = first[0].config
    title = f"{config.model} on {config.dataset}"
    scores = tabulate.tabulate(network.folder for network in networks)
    accounts = [energy.account(network, PAPER) for network in first]
    audits = [windows.audit(network, options.examples) for network in first]
    sections = [
        f"# {title}",
        "## Scores",
        *tabulate.table(scores),
        "## Training",
        *_figure(curves, curves.numbers(first), "Loss and accuracy after each epoch."),
        "## Firing rates",
        *_figure(rates, rates.numbers(first), "Firing rate of each layer."),
        "## Energy of an inference",
        *energy.totals(accounts),
        "## Membranes and windows",
        *_figure(
            membranes,
            membranes.numbers(first),
            "Membrane before the reset, with threshold and surrogate window.",
        ),
    ]
    for audit in audits:
        sections += [f"### {audit['run']}", *windows.table(audit)]
    sections += ["## The paper's numbers", *_paper(config.name, options.results)]
    sections += ["## Configurations", *map(_configuration, networks)]
    sections.append(markdown.made_by(origin))
    return _html(title, sections)


def _figure(module: Any, numbers: dict[str, Any], caption: str) -> Iterator[str]:
    """A figure inside the page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        module.draw(numbers, path)
        data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption)
    yield (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _paper(name: str, folder: Path) -> list[str]:
    """What the paper says of this experiment, or of the smallest one otherwise."""
    results = Results(folder)
    claims = [
        claim for claim in (*ENERGY, *ACCURACY) if f" {name} " in f"{claim.command} "
    ]
    if not claims:
        return ["The paper has no number for this experiment."]
    rows = [
        [claim.where, claim.what, claim.paper, claim.ours(results) or "not measured"]
        for claim in claims
    ]
    return markdown.table(["paper", "what", "theirs", "ours"], rows, left=4)


def _configuration(network: trained.Trained) -> str:
    text = html.escape(json.dumps(network.config.to_json(), indent=2))
    name = html.escape(network.name)
    return f"<details><summary>{name}</summary><pre>{text}</pre></details>"


def _html(title: str, sections: Sequence[str]) -> str:
    """Markdown blocks and raw HTML as one page."""
    try:
        from markdown import markdown as render
    except ImportError as error:
        raise DataError(
            f"reports need Markdown ({error}); install it with: "
            "pip install 'qifjax[figures]'"
        ) from error
    body = render(_blocks(sections), extensions=["tables"])
    body = body.replace("<table>", '<div class="wide"><table>')
    body = body.replace("</table>", "</table></div>")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _blocks(lines: Sequence[str]) -> str:
    """Lines of a table stay together; everything else is a block of its own."""
    text = ""
    for before, line in zip(["", *lines], lines, strict=False):
        inside = before.startswith("|") and line.startswith("|")
        text += ("\n" if inside else "\n\n") + line
    return text


if __name__ == "__main__":
    main()
