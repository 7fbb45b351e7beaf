"""Event recordings: readers, frames and data sets."""

from qifjax.data.events.frames import FrameRecipe, Frames, to_frames
from qifjax.data.events.readers import read
from qifjax.data.events.recording import Events, Sensor

__all__ = ["Events", "FrameRecipe", "Frames", "Sensor", "read", "to_frames"]
