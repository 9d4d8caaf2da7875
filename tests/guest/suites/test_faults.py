"""The daemon and every kind of sensor of the kernel's at once: each is pulled out and comes back, then all together.

In: limits of what was promised, on a board. Out: how long each took, for the report; asserted is three times as long,
because the processor is emulated. The broker is mosquitto, the daemon runs as a user would start it.
"""

import contextlib
import shutil
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

import pytest
from belt import NAME, Belt, bluetooth, power
from faults import RATES, Published, gone, summed
from gadget import OURS, Gadget
from installation import check_whole, configured
from kernel import bind, is_loaded, load, repeated, stub_number, unbind, unbinding, unload, until
from smbus2 import SMBus
from watched_daemon import WatchedDaemon

from edge_mm.delivery.local_broker import LocalBroker
from edge_mm.delivery.stored import from_bytes

CAMERA_S, SERIAL_S, SOUND_S, BELT_S, I2C_S = 5.0, 5.0, 10.0, 15.0, 5.0
SLOWER = 3.0
LIMITS = {"cam": CAMERA_S, "hr": SERIAL_S, "mic": SOUND_S, "belt": BELT_S, "finger": I2C_S}
PROCESS_S = {"cam": 40.0}
"""Allowed beside: a camera's process starts anew; 0.3 s on a PC, up to 25 s on the emulated processor."""
LINE = summed("#edge-mm kind=heart_rate rate_hz=1 unit=bpm") + "".join(summed(f"{rate}.5") for rate in RATES)
NODE = Path("/dev/video0")
PART, PART_ID, OTHER_ID, WRITTEN = 0x57, 0xFF, 0x11, 0x04


class Camera:
    """A camera on a cable."""

    def plug(self):
        if is_loaded("vivid"):
            unload("vivid")
        load("vivid", n_devs=1, node_types="0x1", no_error_inj=1)
        until(NODE.exists, "the camera's node")

    def pull(self):
        unbind("vivid")


class SoundCard:
    """A sound card on a cable; its driver waits until nobody holds it."""

    def pull(self):
        self._pulling = unbinding("snd_aloop")

    def plug(self):
        assert self._pulling.wait(60) == 0, "the card is still held"
        bind("snd_aloop")


class Wire:
    """A serial sensor that talks all the time, and is pulled out in the middle of a line."""

    def __init__(self):
        self._gadget = Gadget()

    def plug(self):
        self._gadget.plug()
        self._gadget.switch_on(patient=False)
        self._talking = contextlib.ExitStack()
        self._talking.enter_context(repeated(lambda: self._gadget.mumbles(LINE)))

    def pull(self):
        self._talking.close()
        self._gadget.mumbles(LINE + "17")
        self._gadget.unplug()

    def close(self):
        self._talking.close()
        self._gadget.unplug()


class Part:
    """A MAX30102 of registers; whoever it says that it is."""

    def __init__(self):
        load("i2c-dev")
        load("i2c-stub", chip_addr=hex(PART))
        self.bus = int(until(stub_number, "the bus"))
        self._registers = SMBus(self.bus)
        self._measures = threading.Event()
        self.plug()

    def tick(self):
        """Two new samples wait, again and again."""
        if self._measures.is_set():
            self._registers.write_byte_data(PART, WRITTEN, 2)

    def plug(self):
        self._registers.write_byte_data(PART, PART_ID, 0x15)
        self._measures.set()

    def pull(self):
        self._measures.clear()
        self._registers.write_byte_data(PART, PART_ID, OTHER_ID)
        self._registers.write_byte_data(PART, WRITTEN, 0)


class Worn:
    """The belt."""

    def __init__(self):
        self.belt = Belt()
        self.belt.start()
        self.belt.beats(72)

    def pull(self):
        self.belt.switch_off()

    def plug(self):
        self.belt.switch_on()


class Adapter:
    """What hears the belt."""

    def pull(self):
        assert power(False)

    def plug(self):
        until(lambda: power(True), "the adapter's power")


@pytest.fixture(scope="module")
def parts():
    """Everything plugged in: stream -> what can be pulled out."""
    with contextlib.ExitStack() as ending:
        camera = Camera()
        camera.plug()
        load("snd-aloop", index=0, id="EdgeMic", pcm_substreams=1)
        for module in ("dummy_hcd", "cdc-acm"):
            load(module)
        ending.enter_context(bluetooth())
        worn = Worn()
        ending.callback(worn.belt.kill)
        part = Part()
        ending.enter_context(repeated(part.tick, every_s=0.2))
        wire = Wire()
        wire.plug()
        ending.callback(wire.close)
        yield {"cam": camera, "mic": SoundCard(), "hr": wire, "belt": worn, "finger": part}


def sources(bus):
    rows = {
        "cam": f'kind = "video"\ndevice = "{NODE}"\nwidth = 320\nheight = 180\nrate_hz = 5',
        "mic": 'kind = "audio"\ndevice = "loopback"',
        "hr": f'kind = "heart_rate"\ndevice = "{OURS}"',
        "belt": f'kind = "rr"\ndevice = "ble:{NAME}"',
        "finger": f'kind = "ppg"\ndevice = "i2c:{bus}"',
    }
    return "".join(f'[[source]]\nname = "{name}"\n{rest}\n' for name, rest in rows.items())


@pytest.fixture(scope="module")
def broker():
    with LocalBroker() as one:
        yield one


@pytest.fixture(scope="module")
def published(broker):
    with Published(broker, "sensor/hr/state") as everything:
        yield everything


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, parts, broker, published):
    rows = sources(parts["finger"].bus)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGE_MM_TEST_BUNDLE", "health")  # it looks at no picture: too slow, emulated
        config = configured(
            tmp_path_factory.mktemp("d"), port=broker.settings.port, sources=rows, rules="unusable_s = 600.0\n"
        )
    with WatchedDaemon(config, broker) as one:
        yield one


def pulled_and_plugged(daemon, seen, fault, stream, part, *, says=""):
    limit_s = LIMITS[stream]
    part.pull()
    seen(fault, "alert", daemon.until_active(*gone(stream), timeout_s=SLOWER * limit_s), limit_s)
    daemon.until_logged(says)
    part.plug()
    longest_s = SLOWER * limit_s + PROCESS_S.get(stream, 0.0)
    seen(fault, "live again", daemon.until_quiet(*gone(stream), timeout_s=longest_s), limit_s)


def alarms_in(outbox):
    """Alarm -> its state, from a copy of an outbox that a daemon holds."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(sqlite3.Error, FileNotFoundError):
        for file in outbox.parent.glob(f"{outbox.name}*"):  # the write-ahead log too
            shutil.copy(file, folder)
        with contextlib.closing(sqlite3.connect(Path(folder, outbox.name))) as copy:
            alerts = [from_bytes(bytes(body)).alert for (body,) in copy.execute("SELECT CAST(body AS BLOB) FROM alarm")]
        return {alert.key: alert.state for alert in alerts}
    return {}


def test_every_sensor_is_live(daemon, parts, published, seen):
    seen("start", "all live", daemon.until_logged(*(f"{stream}: live" for stream in parts), timeout_s=240.0), 30.0)
    daemon.until_quiet(*(alarm for stream in parts for alarm in gone(stream)), timeout_s=120.0)
    published.more(2)


def test_a_camera_that_is_pulled_out_is_told_and_live_again_when_it_is_back(daemon, parts, seen):
    pulled_and_plugged(daemon, seen, "camera unbound", "cam", parts["cam"])


def test_a_serial_sensor_unplugged_in_a_line_is_told_and_live_again_and_only_what_it_sent_is_published(
    daemon, parts, published, seen
):
    for _ in range(2):
        pulled_and_plugged(daemon, seen, "USB serial unplugged in a line", "hr", parts["hr"])
        published.more(2)
    assert only_what_was_sent(published)


def test_a_sound_card_that_is_pulled_out_is_told_and_live_again_when_it_is_back(daemon, parts, seen):
    pulled_and_plugged(daemon, seen, "sound card pulled", "mic", parts["mic"])


def test_a_belt_that_goes_out_of_range_is_told_and_live_again_when_it_is_back(daemon, parts, seen):
    pulled_and_plugged(daemon, seen, "belt out of range", "belt", parts["belt"])


def test_an_adapter_that_is_reset_is_told_and_the_belt_is_live_again_when_it_is_back(daemon, seen):
    pulled_and_plugged(daemon, seen, "Bluetooth adapter off", "belt", Adapter())


def test_a_part_that_says_it_is_another_is_told_and_live_again_when_it_is_the_right_one(daemon, parts, seen):
    words = f"says that it is 0x{OTHER_ID:02X}"
    pulled_and_plugged(daemon, seen, "I2C wrong part id", "finger", parts["finger"], says=words)


def test_everything_at_once_with_the_broker_down_is_told_afterwards_without_a_hole(
    daemon, parts, broker, published, seen
):
    outbox = daemon.config.parent / "o.sqlite"

    def are(state, which):  # not from the log, which says the same at most once a minute
        now = until(lambda: alarms_in(outbox), "a copy of the outbox")
        return which(any(now.get(alarm) == state for alarm in gone(stream)) for stream in parts)

    assert not are("raised", any)
    began = time.monotonic()
    broker.kill()
    for part in parts.values():
        part.pull()
    until(lambda: are("raised", all), "all are told", limit_s=60.0)
    seen("everything at once, broker down", "all told to the outbox", time.monotonic() - began, 10.0)
    daemon.until_logged("device.lost/broker raised")
    began = time.monotonic()
    for part in parts.values():
        part.plug()
    until(lambda: not are("raised", any), "all are back", limit_s=90.0)
    seen("everything at once, broker down", "all live again", time.monotonic() - began, 15.0)
    assert daemon.process.poll() is None
    broker.start()
    back = daemon.until(lambda now: now.get("device.lost/broker") == "inactive", timeout_s=120.0)
    seen("everything at once, broker down", "all delivered", back, 40.0)
    published.more(1)
    assert daemon.end() == 0, daemon.log
    check_whole([event for _, event in daemon.events])
    assert only_what_was_sent(published)
    assert "Traceback" not in daemon.log


def only_what_was_sent(published):
    readings = [body["readings"].get("vitals_heart_rate_bpm") for body in published.bodies]
    values = {reading["value"] for reading in readings if reading is not None}
    return bool(values) and values <= {rate + 0.5 for rate in RATES}
