"""Write and read a recording of what the monitor was given.

In: events in order. Out: an MCAP file; or the same events again. Importing it loads neither ``mcap`` nor OpenCV. Not
here: when something is recorded (``daemon.recorder``), what a replay does with it (``daemon.recorded``).
"""

from edge_mm.recording.form import Announced, End, Head, Recorded, Said, State
from edge_mm.recording.messages import Encoder, Message
from edge_mm.recording.reading import Recording
from edge_mm.recording.writing import RecordingWriter, require_mcap

__all__ = [
    "Announced",
    "Encoder",
    "End",
    "Head",
    "Message",
    "Recorded",
    "Recording",
    "RecordingWriter",
    "Said",
    "State",
    "require_mcap",
]
