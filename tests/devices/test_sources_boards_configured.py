"""What the pages of serial boards and of the MAX30102 say to paste, from the configuration to samples in the inbox."""

import re
import threading
from pathlib import Path

import numpy as np
import pytest
from wire_packets import description, samples

from edge_mm.daemon.config import load_config
from edge_mm.daemon.inbox import Inbox
from edge_mm.daemon.meters import Meters
from edge_mm.daemon.plan import plan_sources
from edge_mm.daemon.reader import Reader
from edge_mm.sources import Max30102, SerialBoard, choose
from edge_mm.types import Sample, Status

pytestmark = pytest.mark.devices
PAGES = Path(choose.__file__).parent / "pages"


def planned(folder, page, *, before="", after=""):
    """The sources of a page's configuration, a word in it exchanged."""
    (text,) = re.findall(r"```toml\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)
    (folder / "edge-mm.toml").write_text('version = 1\ndevice_id = "d"\n' + text.replace(before, after))
    return plan_sources(load_config(folder / "edge-mm.toml"))


def test_the_sources_of_one_i2c_device_are_one_source(tmp_path):
    (one,) = planned(tmp_path, "max30102.md")
    assert isinstance(one.source, Max30102)
    assert one.kinds == {"finger": "ppg", "oxygen": "spo2", "die": "number"}
    assert one.source.streams == ("finger", "oxygen", "die")


@pytest.mark.parametrize("protocol", ["lines", "binary"])
def test_the_sources_of_one_port_are_read_together_and_its_trouble_is_told_of_each(tmp_path, sensor, protocol):
    port = "/dev/serial/by-id/usb-Arduino_Uno-if00"
    (one,) = planned(tmp_path, "serial.md", before=f'"{port}"', after=f'"{sensor.path}"\nprotocol = "{protocol}"')
    assert isinstance(one.source, SerialBoard)
    inbox, stop = Inbox(), threading.Event()
    for stream in one.kinds:
        inbox.add(stream, video=False, waits=False)
    reader = Reader(one.source, inbox, Meters(), stop, file=False)
    if protocol == "lines":
        said = b"#edge-mm columns=ecg:mV,ppg,eda:uS rate_hz=250\n" + b"1,2,3\n" * 5 + b"?\n" * 3
    else:
        channels = [("ecg", 2, 250, 1.0, 0.0), ("ppg", 2, 250, 1.0, 0.0), ("eda", 2, 250, 1.0, 0.0)]
        frames = [[(1, 2), (2, 2), (3, 2)]] * 5
        said = description(channels) + b"".join(samples(frames, sequence=2 * k, first=10 * k, mask=7) for k in range(4))
    states, seen = {name: [] for name in one.kinds}, {name: set() for name in one.kinds}
    with sensor.repeating(said):
        reader.start()
        while not all("degraded" in told for told in states.values()):
            event = inbox.get(5.0)
            if isinstance(event, Status):
                states[event.stream].append(event.state)
            elif isinstance(event, Sample):
                seen[event.stream] |= set(event.data[np.isfinite(event.data)].tolist())
        stop.set()
        reader.join()
    assert seen == {"heart": {1.0}, "finger": {2.0}, "skin": {3.0}}
    assert all(told[:3] == ["starting", "live", "degraded"] for told in states.values())
