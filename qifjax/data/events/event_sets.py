"""The examples of an event data set: found, verified and kept as frames."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qifjax.data.array_cache import Layout, load_or_fill
from qifjax.data.errors import DataError
from qifjax.data.events.build import Progress, Recording, fill
from qifjax.data.events.catalogue import EVENT_SETS, EventSet
from qifjax.data.events.frames import VERSION, FrameRecipe
from qifjax.data.events.listings import Listing


class EventPart(NamedTuple):
    """The train or test part of an event data set.

    Attributes:
      inputs: uint8 frames ``[N, T, H, W, 2]``, memory-mapped where they were kept.
      labels: int32 classes ``[N]``.
      class_names: name of each class.
      rule: how the part was chosen, in words.
      source: what was read and how it became frames, in words.
      identity: a name of each recording, bytes ``[N]``, whatever its frames are.
    """

    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    rule: str
    source: str
    identity: np.ndarray


def read_part(
    name: str,
    data_dir: Path,
    part: str,
    *,
    recipe: FrameRecipe | None = None,
    split_rule: str | None = None,
    progress: Progress | None = None,
) -> EventPart:
    """Reads one part of a data set as frames, from the cache or the recordings.

    Args:
      name: a name of :data:`~qifjax.data.events.catalogue.EVENT_SETS`.
      data_dir: where the recordings and the cache are.
      part: ``"train"`` or ``"test"``.
      recipe: how recordings become frames, or None for the default of the data set.
      split_rule: how the parts are told apart, likewise.
      progress: called with the numbers of recordings done and to do, where frames have
        to be made.

    Returns:
      The examples.

    Raises:
      DataError: if there is no recording or one is damaged; the message says what to
        do.
    """
    event_set = EVENT_SETS[name]
    recipe = recipe or event_set.recipe
    rule = split_rule or next(iter(event_set.split_rules))
    if rule not in event_set.split_rules:
        known = ", ".join(event_set.split_rules)
        raise DataError(f"{name}: unknown split_rule {rule!r} (known: {known})")
    root, listing = _find(name, event_set, data_dir, part, rule)
    recordings = listing.recordings
    key = f"{name}-{part}-{rule}-{_stamp(root, recordings, recipe)}"
    count = len(recordings)
    layout = {
        "inputs": Layout((count, *recipe.shape(event_set.sensor)), np.uint8),
        "saturated": Layout((count,), np.int64),
    }

    def fill_arrays(arrays):
        fill(
            arrays["inputs"],
            arrays["saturated"],
            recordings,
            event_set.sensor,
            recipe,
            progress=progress,
        )

    arrays = load_or_fill(data_dir / "cache" / key, layout, fill_arrays)
    labels = np.asarray([recording.label for recording in recordings], np.int32)
    source = (
        f"{_completeness(listing)} in {root.name}; {recipe}; "
        f"{int(arrays['saturated'].sum()):,} values saturated"
    )
    return EventPart(
        arrays["inputs"],
        labels,
        listing.class_names,
        event_set.split_rules[rule],
        source,
        np.asarray([_identity(recording) for recording in recordings]),
    )


def _identity(recording: Recording) -> bytes:
    """A recording's class, file and part of it, in whatever folders these lie."""
    path = recording.path
    name = f"{recording.label}/{path.parent.name}/{path.name}/{recording.window}"
    return name.encode()


def _find(
    name: str, event_set: EventSet, data_dir: Path, part: str, rule: str
) -> tuple[Path, Listing]:
    """The first folder that holds recordings, and which of them are the part's."""
    roots = [
        place / folder
        for place in (data_dir, data_dir / "events")
        for folder in event_set.folders
    ]
    advice = (
        f"fetch {event_set.fetch}, and unpack it so that {data_dir / name} holds "
        f"{event_set.layout}"
    )
    for root in roots:
        listing = event_set.listing(root, part, rule)
        if listing.recordings:
            return root, listing
        if listing.found:
            raise DataError(
                f"{name}: {root} holds only {listing.found:,} of "
                f"{listing.complete:,} {listing.unit}, and the split {rule!r} puts "
                f"none of them into {part}; {advice}"
            )
    there = [str(root) for root in roots if root.is_dir()]
    state = (
        f"nothing of its {part} part in {', '.join(there)}" if there else "not there"
    )
    raise DataError(f"{name}: {state}; {advice}")


def _completeness(listing: Listing) -> str:
    if listing.found == listing.complete:
        return f"all {listing.complete:,} {listing.unit}"
    kind = "sample" if listing.found < listing.complete else "unofficial set"
    return f"{kind}: {listing.found:,} of {listing.complete:,} {listing.unit}"


def _stamp(root: Path, recordings: list[Recording], recipe: FrameRecipe) -> str:
    """What the frames depend on, as hexadecimal digits."""
    facts = {}
    for path in {recording.path for recording in recordings}:
        status = path.stat()
        name = path.relative_to(root).as_posix()
        facts[name] = (status.st_size, status.st_mtime_ns)
    cuts = [recording.window for recording in recordings]
    everything = [VERSION, dataclasses.asdict(recipe), sorted(facts.items()), cuts]
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()[:16]
