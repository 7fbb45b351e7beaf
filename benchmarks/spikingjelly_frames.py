"""SpikingJelly's half of ``event_frames``, run by an interpreter that has SpikingJelly.

Takes one JSON request a line and answers with one line: reads files with SpikingJelly's
own reader, makes frames with its own function, and says how long that took.
"""

import importlib.metadata
import json
import sys
import time

import numpy as np
from spikingjelly.datasets import utils


def _accumulate(recordings, by, frames, height, width):
    return [
        utils.integrate_events_by_fixed_frames_number(events, by, frames, height, width)
        for events in recordings
    ]


def main() -> None:
    """Serves requests until the input ends."""
    version = importlib.metadata.version("spikingjelly")
    print(json.dumps({"version": version}), flush=True)
    loaded: tuple[list[str], list] = ([], [])
    for line in sys.stdin:
        request = json.loads(line)
        files, shape = request["files"], request["shape"]
        if loaded[0] != files:
            loaded = files, [utils.load_ATIS_bin(file) for file in files]
        start = time.perf_counter()
        recordings = (
            [utils.load_ATIS_bin(file) for file in files]
            if request["from_files"]
            else loaded[1]
        )
        made = _accumulate(recordings, request["by"], *shape)
        answer = {"seconds": time.perf_counter() - start}
        if request["save"]:
            np.save(request["save"], np.stack(made).astype(np.int64))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
