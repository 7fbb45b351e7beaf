"""Writes ``docs/results/data.md`` from the JSON files of the three measurements.

Example: ``python -m benchmarks.data_report --folder docs/results``
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from experiments import markdown


@dataclass(frozen=True)
class Options:
    """What to read and write.

    Attributes:
      folder: holds ``data_fuzz.json``, ``data_throughput.json`` and
        ``data_images.json``; gets ``data.md``.
    """

    folder: Path = Path("docs/results")


def table(header: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table of anything that can be written."""
    cells = [list(map(str, row)) for row in rows]
    return "\n".join(markdown.table(header, cells))


def fuzz_section(report: dict[str, Any]) -> str:
    """Outcomes of damaged files, by format."""
    rows = []
    for name, result in report["formats"].items():
        outcomes = result["outcomes"]
        rows.append(
            [
                name,
                result["origin"],
                f"{result['mutations']:,}",
                f"{outcomes.get('error', 0):,}",
                f"{outcomes.get('valid', 0):,}",
                result["failed"],
                f"{1000 * result['slowest_s']:.0f}",
            ]
        )
    header = [
        "format",
        "intact file",
        "damaged files",
        "one `DataError`",
        "consistent events",
        "anything else",
        "slowest, ms",
    ]
    kinds = next(iter(report["formats"].values()))["by_damage"]
    return f"""## Damaged event files

Each file is damaged in one of {len(kinds)} ways in turn
({", ".join(kinds)}) and read in a process of its own.
Allowed are one `DataError` that names file and byte, and
consistent events: fields of one length, times in order, coordinates on the sensor.
A format without a length or checksum cannot show a cut between two events, nor a
flipped bit that leaves an event on the sensor; such files count as consistent.

```
{report["command"]}
```

{table(header, rows)}
"""


def throughput_section(report: dict[str, Any]) -> str:
    """Events per second, by library."""
    peers = list(report["rows"][0]["events_per_s"])
    rows = [
        [
            row["set"],
            f"{row['files']} / {row['events']:,}",
            row["by"],
            "file to frames" if row["from_files"] else "frames",
            *(f"{row['events_per_s'][peer] / 1e6:.1f}" for peer in peers),
            f"{row['times_the_faster_peer']:.2f}",
        ]
        for row in report["rows"]
    ]
    header = ["recordings", "files / events", "by", "timed", *peers, "times the faster"]
    versions = ", ".join(f"{name} {v}" for name, v in report["versions"].items())
    repeats = len(report["rows"][0]["seconds"]["qifjax"])
    return f"""## Events to frames

Millions of events per second into {report["frames"]} frames at native size, medians of
{repeats} passes over the same files, the libraries in turn within one run on one core.
Each reads with its own reader and accumulates with its own function; their frames were
checked to be equal.
Machine: {report["machine"]}; Python {report["python"]}, {versions}.

```
{report["command"]}
```

{table(header, rows)}
"""


def images_section(report: dict[str, Any]) -> str:
    """Loading and augmenting CIFAR-10."""
    loading, machine = report["loading_seconds"], report["machine"]
    options, speeds = report["options"], report["images_per_second"]
    operations = {
        "cifar10": "crop, flip, cutout, normalise",
        "cifar100": "the same with AutoAugment",
    }
    peers = list(next(iter(speeds.values())))
    rows = [
        [
            operations[name],
            *(f"{by_peer[peer]:,.0f}" for peer in peers),
            *(f"{by_peer['qifjax'] / by_peer[peer]:.0f}" for peer in peers[1:]),
        ]
        for name, by_peer in speeds.items()
    ]
    ratios = [f"times {peer}" for peer in peers[1:]]
    return f"""## Images

All 60,000 images of CIFAR-10 from packed data to the device: {loading["first"]:.1f} s
the first time, with the import of TFDS, and {loading["cached"]:.2f} s from the cache,
with its checksums, in the same process.

Augmented images per second, medians of {options["passes"]} passes over
{options["images"]:,} images in batches of {options["batch"]}, the libraries in turn
within one run: qifjax jitted on the device, torchvision image by image with Pillow in
{options["workers"]} loader processes, as is usual. torchvision has no cutout; its
RandomErasing hides a square of the same size.
Machine: {machine["device"]}, {machine["cores"]} cores, load average
{machine["load_average_before"]} before and {machine["load_average_after"]} after;
Python {machine["python"]}, jax {machine["jax"]}, pillow {machine["pillow"]},
torchvision {report["torchvision"]}.

```
{report["command"]}
```

{table(["operations", *peers, *ratios], rows)}
"""


def main() -> None:
    """Runs the command line."""
    folder = tyro.cli(Options, description=__doc__).folder
    fuzz, throughput, images = (
        json.loads((folder / f"data_{name}.json").read_text())
        for name in ("fuzz", "throughput", "images")
    )
    text = f"""# Data: measured

Written by `python -m benchmarks.data_report` from `data_fuzz.json`,
`data_throughput.json` and `data_images.json` beside it.

{fuzz_section(fuzz)}
{throughput_section(throughput)}
{images_section(images)}"""
    (folder / "data.md").write_text(text)


if __name__ == "__main__":
    main()
