"""Energy of trained networks (Table 1): python -m experiments.energy RUN [RUN ...]."""

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from experiments import cli, markdown, provenance, trained
from experiments.config import ConfigError
from experiments.run_folder import RunError, write_report
from qifjax import energy, nn

SCHEMA_VERSION = 1
_LEAST_OF_THE_PAPER = 1.23  # Table 1, CIFAR-100
_PARTS = {
    "synapses": "synapses, eq. 17",
    "neurons": "arithmetic of the neurons",
    "memory": "memory traffic",
}


@dataclass(frozen=True)
class Energy:
    """Tell what an inference of trained networks costs, layer by layer.

    By eq. 17 of the paper, and beside it what eq. 17 leaves out: the arithmetic of the
    neurons and the traffic of weights and membranes. Several runs must be of the same
    network and data; each is held against the first.

    Attributes:
      runs: folders of finished runs.
      constants: energies of operations by number format, at 45 nm (Horowitz 2014);
        "float32" are the paper's.
      picojoule_mac: energy of a multiply-accumulate in pJ, instead of the preset's.
      picojoule_ac: energy of an accumulate in pJ, instead of the preset's.
      picojoule_access: energy of a memory access in pJ, instead of the preset's.
      data_dir: where data sets are.
      out: JSON file to write; the page goes beside it.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    constants: Literal["float32", "float16", "int32", "int8"] = "float32"
    picojoule_mac: float | None = None
    picojoule_ac: float | None = None
    picojoule_access: float | None = None
    data_dir: Path = Path(".data")
    out: Path = Path("runs/energy.json")


def main(argv: Sequence[str] | None = None) -> None:
    with cli.one_line_errors():
        program = "python -m experiments.energy"
        options = cli.parse(Energy, argv, program)
        if not options.runs:
            raise RunError(f"{program} needs the folders of one or more finished runs")
        constants = _constants(options)
        networks = [trained.load(run, options.data_dir) for run in options.runs]
        trained.require_alike(networks)
        report = {
            "schema_version": SCHEMA_VERSION,
            "command": cli.command(program, argv),
            **provenance.describe(),
            "constants": dataclasses.asdict(constants),
            "runs": [account(network, constants) for network in networks],
        }
        text = page(report)
        write_report(options.out, report, text)
        print(f"{text}\n{options.out.with_suffix('.md')}")


def _constants(options: Energy) -> energy.Constants:
    """The preset with what was given instead."""
    constants = energy.PRESETS[options.constants]
    for name in ("mac", "ac", "access"):
        given = getattr(options, f"picojoule_{name}")
        if given is None:
            continue
        if not given >= 0:
            raise ConfigError(f"--picojoule-{name} must be at least 0, got {given}")
        changed = {name: given, "source": f"{constants.source}; {name} as given"}
        constants = dataclasses.replace(constants, **changed)
    return constants


def account(network: trained.Trained, constants: energy.Constants) -> dict[str, Any]:
    """What an inference of one network costs.

    Args:
      network: the network.
      constants: energies of operations.

    Returns:
      Plain values: for each synaptic layer its operations of a step, the rate of its
      input and its energy in mJ by eq. 17; and the totals of every part in mJ.
    """
    experiment, scores = network.experiment, network.evaluate()
    operations, steps = experiment.operations, experiment.timesteps
    rates = nn.by_layer(scores.activity, "input_rate")
    rates = {name: float(rate) for name, rate in rates.items()}
    synapses = energy.layer_energy(operations, rates, steps, constants)
    neuron = network.config.neuron_params
    parts = {
        "synapses": synapses,
        "neurons": energy.neuron_energy(operations, neuron, steps, constants),
        "memory": energy.memory_energy(operations, rates, steps, constants),
    }
    return {
        "run": network.name,
        "neuron": network.config.neuron,
        "timesteps": steps,
        "accuracy": float(scores.accuracy),
        "layers": {
            name: {
                "kind": operations[name].kind,
                "operations": operations[name].count,
                "input_rate": rates[name],
                "energy_mj": value,
            }
            for name, value in synapses.items()
        },
        "totals_mj": {part: sum(values.values()) for part, values in parts.items()},
    }


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    constants, runs = report["constants"], report["runs"]
    lines = [
        "# Energy of an inference",
        "",
        "By eq. 17 of the paper, a layer costs T (rate AC E_AC + MAC E_MAC), with "
        f"E_MAC = {constants['mac']:g} pJ and E_AC = {constants['ac']:g} pJ "
        f"({constants['source']}). The rate is the mean of the layer's input over the "
        "evaluation set. A first layer counts as MAC on images and as AC, at the mean "
        "of the frames, on event recordings; after average pooling the rate is the "
        "mean of the pooled tensor; a shortcut convolution has the rate of the block's "
        "input; norms cost nothing.",
        "",
        "*Arithmetic of the neurons* counts what every neuron computes at every step, "
        "the shift of tdBN and the comparison included (its scale goes into the "
        "weights): LIF one multiplication and three additions, QIF two and five, Euler "
        "QIF three and six. *Memory traffic* reads a weight and reads and writes a "
        "membrane for every accumulation, and reads and writes each membrane once a "
        f"step, at {constants['access']:g} pJ an access (a word of 8 kB SRAM; model of "
        "Lemaire et al. 2022). Both are for hardware that works spike by spike.",
        "",
        *totals(runs),
        "",
        *_verdict(runs),
    ]
    for run in runs:
        lines += [f"## {run['run']}, T = {run['timesteps']}", "", *_layers(run), ""]
    return "\n".join([*lines, markdown.made_by(report), ""])


def totals(runs: Sequence[dict[str, Any]]) -> list[str]:
    """Totals in µJ, as lines of Markdown; behind the first run with the ratio to it."""
    first = _sums(runs[0])
    rows = []
    for part in first:
        row = [_PARTS.get(part, "**all three**"), f"{1000 * first[part]:.4g}"]
        for run in runs[1:]:
            value = _sums(run)[part]
            ratio = f"{value / first[part]:.2f}x" if first[part] else "undefined"
            row.append(f"{1000 * value:.4g} ({ratio})")
        rows.append(row)
    return markdown.table(["energy, µJ", *(run["run"] for run in runs)], rows)


def _verdict(runs: Sequence[dict[str, Any]]) -> list[str]:
    """Whether the paper's claim holds for these runs."""
    means = {
        neuron: {
            part: statistics.fmean(values[part] for values in found)
            for part in ("synapses", "all")
        }
        for neuron in ("qif", "lif")
        if (found := [_sums(run) for run in runs if run["neuron"] == neuron])
    }
    if len(means) < 2:
        return []
    by_eq_17, with_all = (
        means["lif"][part] / means["qif"][part] for part in ("synapses", "all")
    )
    if by_eq_17 >= _LEAST_OF_THE_PAPER:
        verdict = "the claim holds for these runs"
    elif by_eq_17 > 1:
        verdict = "more, but less than in any row of the paper"
    else:
        verdict = "the claim does not hold for these runs"
    return [
        f"The paper (Table 1): LIF needs {_LEAST_OF_THE_PAPER} to 4.21 times the "
        f"energy of QIF. Here it needs {by_eq_17:.2f} times by eq. 17, and "
        f"{with_all:.2f} times with all three parts: {verdict}.",
        "",
    ]


def _sums(run: dict[str, Any]) -> dict[str, float]:
    totals = run["totals_mj"]
    return {**totals, "all": sum(totals.values())}


def _layers(run: dict[str, Any]) -> list[str]:
    rows = []
    for name, layer in run["layers"].items():
        counts = ["", ""]
        counts[layer["kind"] == "mac"] = f"{layer['operations'] / 1e6:.4g}"
        rate = f"{100 * layer['input_rate']:.2f}" if layer["kind"] == "ac" else ""
        rows.append([name, *counts, rate, f"{1000 * layer['energy_mj']:.4g}"])
    head = ["layer", "AC, million", "MAC, million", "input rate, %", "energy, µJ"]
    return markdown.table(head, rows)


if __name__ == "__main__":
    main()
