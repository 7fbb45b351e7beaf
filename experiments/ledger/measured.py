"""What has been measured here, in a sentence each, from the files of docs/results."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from experiments.comparison import TITLES, Spread, later
from experiments.headline import verdicts
from experiments.markdown import percent
from experiments.run_folder import RunError

Comparison: TypeAlias = dict[str, Any]
"""A comparison of neuron models, as experiments.compare writes it."""


class Results:
    """The folder of measured results; what is not there has not been measured."""

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise RunError(f"{folder} is no folder of results")
        self._folder = folder

    def get(self, name: str) -> dict[str, Any] | None:
        """The content of a JSON file, or None where it does not exist."""
        file = self._folder / f"{name}.json"
        if not file.exists():
            return None
        try:
            content: dict[str, Any] = json.loads(file.read_text())
        except ValueError as error:
            raise RunError(f"{file} is no JSON file ({error})") from error
        return content

    def comparisons(self) -> Iterator[Comparison]:
        """All comparisons of QIF with LIF, by name."""
        for file in sorted(self._folder.glob("*.json")):
            found = self.get(file.stem) or {}
            if {"qif", "lif"} <= set(found.get("summaries", {})):
                yield found


def nothing(_: Results) -> None:
    """Nothing has been measured."""


def comparison(
    name: str, say: Callable[[Comparison], str]
) -> Callable[[Results], str | None]:
    """What a comparison says, where it has been made in the paper's set-up.

    The precision of layers, of which the paper says nothing, may be any.
    """

    def read(results: Results) -> str | None:
        found = results.get(name)
        if found is None or "differences" not in found:
            return None
        differences = dict(found["differences"])
        precision, _ = differences.pop("precision", (None, None))
        if differences:
            return None
        return say(found) + (f" (layers in {precision})" if precision else "")

    return read


def energies(found: Comparison) -> str:
    """Energies of LIF and QIF and their ratio."""
    lif, qif = (_spread(found, neuron, "total_energy_mj") for neuron in ("lif", "qif"))
    return (
        f"LIF {lif.format('.4g')} and QIF {qif.format('.4g')} mJ "
        f"({lif.mean / qif.mean:.2f}x)"
    )


def accuracies(found: Comparison) -> str:
    """Accuracies of the neuron models."""
    arms = found.get("arms", {})
    return ", ".join(
        f"{arms[name]['title'] if name in arms else TITLES[name]} "
        f"{_percent(_spread(found, name, 'accuracy'))}"
        for name in found["summaries"]
    )


def smaller_energy(results: Results) -> str | None:
    """Ratios of energy over all comparisons."""
    return _ratios(results, "total_energy_mj", "of the energy")


def smaller_rate(results: Results) -> str | None:
    """Ratios of firing rate over all comparisons."""
    return _ratios(results, "mean_firing_rate", "of the spikes")


def _ratios(results: Results, field: str, of_what: str) -> str | None:
    parts, below = [], []
    for found in results.comparisons():
        qif = _spread(found, "qif", field)
        for name, where in _leaky(found).items():
            ratio = qif.mean / _spread(found, name, field).mean
            below.append(ratio < 1)
            parts.append(f"{ratio:.2f} {where}")
    if not parts:
        return None
    verdict = "holds" if all(below) else "does not hold"
    return f"QIF has this many times {of_what} of LIF: {'; '.join(parts)}: {verdict}"


def _leaky(found: Comparison) -> dict[str, str]:
    """Each LIF side of a comparison, or LIF arm of a study, and where it stands."""
    if "arms" not in found:
        return {"lif": f"on {found['name']}"}
    return {
        name: f"against {arm['title']} ({found['title']})"
        for name, arm in found["arms"].items()
        if arm["neuron"] == "lif"
    }


def faster(results: Results) -> str | None:
    """Learning curves of the comparison on Fashion-MNIST."""
    found = results.get("fashion_mnist_lenet5")
    if found is None:
        return None
    curves = {
        neuron: [point["mean"] for point in found["summaries"][neuron]["curve"]]
        for neuron in ("qif", "lif")
    }
    first = {neuron: 100 * curve[0] for neuron, curve in curves.items()}
    ahead = sum(q > li for q, li in zip(curves["qif"], curves["lif"], strict=True))
    verdict = "holds" if ahead > len(curves["qif"]) / 2 else "does not hold"
    return (
        f"Fashion-MNIST: after one epoch QIF {first['qif']:.2f} %, LIF "
        f"{first['lif']:.2f} %; QIF is ahead after {ahead} of {len(curves['qif'])} "
        f"epochs: {verdict}"
    )


def accuracy_at_best_rates(results: Results) -> str | None:
    """Accuracies on Fashion-MNIST, each neuron at the rate chosen on validation."""
    scores = _chosen(results)
    if scores is None:
        return None
    said = ", ".join(
        f"{TITLES[neuron]} {_percent(accuracy)} at {rate:g}"
        for neuron, (rate, accuracy, _) in scores.items()
    )
    holds = scores["qif"][1].mean >= scores["lif"][1].mean
    return (
        f"Fashion-MNIST, each at its own learning rate: {said}: "
        f"{'holds' if holds else 'does not hold'}"
    )


def euler(results: Results) -> str | None:
    """Euler QIF against QIF on Fashion-MNIST, each at its own learning rate."""
    scores = _chosen(results)
    if scores is None or "euler_qif" not in scores:
        return None
    (_, ours, rate), (_, theirs, their_rate) = scores["qif"], scores["euler_qif"]
    more = verdicts.difference(their_rate.values, rate.values).verdict()
    better = verdicts.difference(theirs.values, ours.values).verdict()
    return (
        f"Fashion-MNIST: Euler QIF fires {_percent(their_rate)} against "
        f"{_percent(rate)}, and scores {_percent(theirs)} against {_percent(ours)}: "
        f"by 95 % intervals, more spikes: {more}, more accurate: {better}"
    )


def _chosen(results: Results) -> dict[str, tuple[float, Spread, Spread]] | None:
    """By neuron model: the chosen rate, accuracy and firing rate on the test set."""
    found = results.get("analysis/learning_rates")
    if found is None:
        return None
    scores = {}
    for neuron, model in found["neurons"].items():
        test = model["test"][f"{model['chosen']:g}"]
        accuracy, rate = (
            Spread(**test[name]) for name in ("accuracy", "mean_firing_rate")
        )
        scores[neuron] = model["chosen"], accuracy, rate
    return scores


def theorem(results: Results) -> str | None:
    """Moments of the membranes of a trained QIF network against Theorem 1."""
    found = results.get("analysis/windows")
    for run in found["runs"] if found else ():
        layers = run["layers"]
        predicted = next(iter(layers.values()))
        if predicted["predicted_mean"] is None:
            continue
        measured = ", ".join(
            f"{name} {layer['mean']:.2f} and {layer['variance']:.2f}"
            for name, layer in layers.items()
        )
        return (
            f"predicted {predicted['predicted_mean']:.2f} and "
            f"{predicted['predicted_variance']:.2f}; measured after training "
            f"({run['run']}): {measured}"
        )
    return None


def windows(results: Results) -> str | None:
    """Accuracy of QIF by window, from the table of windows."""
    found = results.get("analysis/window_table")
    if found is None:
        return None
    settings = [name for name in found["differ"] if name not in ("window", "neuron")]
    groups: dict[str, dict[str, Spread]] = {}
    for row in found["rows"]:
        if row["settings"].get("neuron", "qif") != "qif":
            continue
        key = ", ".join(
            f"{name} {row['settings'][name]}"
            for name in settings
            if row["settings"][name] is not None
        )
        by_window = groups.setdefault(key, {})
        by_window[row["settings"]["window"]] = Spread(**row["accuracy"])
    said = []
    for key, scores in groups.items():
        listed = ", ".join(
            f"{name} {_percent(score)}" for name, score in scores.items()
        )
        said.append(f"({key or 'as configured'}) {listed}")
    best = all(
        max(scores, key=lambda name: scores[name].mean) == "analytic"
        for scores in groups.values()
    )
    return f"Fashion-MNIST: {'; '.join(said)}: {'holds' if best else 'does not hold'}"


def latency(results: Results) -> str | None:
    """Ratios of inference time on two CPU cores."""
    found = results.get("analysis/latency")
    if found is None:
        return None
    ratios = [row["ratio"] for row in found["rows"]]
    above = sum(row["ratio_low"] > 1.04 for row in found["rows"])
    return (
        f"{min(ratios):.2f} to {max(ratios):.2f} times on {found['device']}; above "
        f"1.04 with its 95 % interval in {above} of {len(ratios)} rows"
    )


def flatter(results: Results) -> str | None:
    """Distances to a rise of the loss, and top eigenvalues, of a pair of networks."""
    found = results.get("analysis/landscape")
    if found is None:
        return None
    runs = {run["neuron"]: run for run in found["runs"]}
    number, pairs = later(runs["qif"]["radii"], runs["lif"]["radii"])
    said = (
        f"Fashion-MNIST: the loss of QIF rises later along {number} of {pairs} random "
        "directions"
    )
    flat = [number > pairs / 2]
    if runs["qif"]["curvature"]:
        tops = [runs[n]["curvature"]["top_eigenvalue"] for n in ("qif", "lif")]
        said += f"; top eigenvalue QIF {tops[0]:.3g}, LIF {tops[1]:.3g}"
        flat.append(tops[0] < tops[1])
    verdict = "holds" if all(flat) else "does not hold"
    if len(set(flat)) > 1:
        verdict = "cannot be said, the two disagree"
    return f"{said}: {verdict}"


def robust(studies: dict[str, str]) -> Callable[[Results], str | None]:
    """What sweeps over the neurons' parameters say of the claims on Table 6.

    Args:
      studies: in which words the sentence names the study of each file.

    Returns:
      The sentence on those that have been made.
    """
    words = {True: "holds", False: "does not hold", None: "cannot be said"}

    def read(results: Results) -> str | None:
        said = []
        for name, what in studies.items():
            if (found := results.get(name)) is None:
                continue
            claims = ", ".join(
                f"{claim['of']} QIF {percent(claim['qif']) or '-'}, LIF "
                f"{percent(claim['lif']) or '-'} %: {words[claim['true']]}"
                for claim in found["claims"]
            )
            said.append(f"{what}: {claims}")
        return "; ".join(said) or None

    return read


def one_step(results: Results) -> str | None:
    """QIF trained with one step against two, from the table of steps."""
    found = results.get("analysis/steps_table")
    if found is None:
        return None
    said = ", ".join(
        f"{_settings(row)}: {_percent(Spread(**row['accuracy']))}, "
        f"{Spread(**row['total_energy_mj']).format('.4g', 1000)} µJ"
        for row in found["rows"]
        if row["settings"].get("neuron", "qif") == "qif"
    )
    return f"QIF on Fashion-MNIST, {said}"


def _settings(row: dict[str, Any]) -> str:
    """The settings that tell a row of a table from the others, the neuron aside."""
    return " ".join(
        f"{name} {value}"
        for name, value in row["settings"].items()
        if value is not None and name != "neuron"
    )


def _spread(found: Comparison, neuron: str, field: str) -> Spread:
    return Spread(**found["summaries"][neuron][field])


def _percent(value: Spread) -> str:
    return f"{value.format('.2f', 100)} %"
