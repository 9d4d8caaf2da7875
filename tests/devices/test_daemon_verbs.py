"""The one-shot verbs with a real broker: check says yes, tail prints, a wrong password is 69."""

import json

import pytest
from installation import broker, configured, sound_source
from recordings import bursts

from edge_mm.cli import main
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.types import Alert, Reason

pytestmark = pytest.mark.devices

ALERT = Alert(
    t_ns=1,
    kind="driver.drowsy",
    key="driver.drowsy",
    state="raised",
    category="physiological",
    priority="high",
    onset_ns=0,
    reason=Reason("drowsy_for", {}, "drowsy for 3.0 s"),
    value=0.8,
    limit=0.6,
    unit="probability",
    incident=1,
    attention={"vision": 0.7, "audio": 0.3},
)


@pytest.fixture(scope="module")
def guarded():
    with broker(login=("edge", "right-password")) as local:
        yield local


def login(text: str = "right-password") -> str:
    return f'username = "edge"\npassword = "{text}"'


def test_check_is_content_where_nothing_is_wrong(tmp_path, guarded, capsys):
    sound = bursts(tmp_path / "s.wav", count=1)
    config = configured(tmp_path, port=guarded.settings.port, sources=sound_source(sound), mqtt=login())
    assert main(["check", "-c", str(config)]) == 0
    out = capsys.readouterr().out
    assert "ERROR" not in out
    assert "source mic: audio, 16000 Hz" in out
    assert not (tmp_path / "o.sqlite").exists()


@pytest.mark.parametrize("verb", ["check", "tail"])
def test_a_wrong_password_is_one_sentence_with_status_69_and_never_shown(verb, tmp_path, guarded, capsys):
    sound = bursts(tmp_path / "s.wav", count=1)
    sources = sound_source(sound)
    config = configured(tmp_path, port=guarded.settings.port, sources=sources, mqtt=login("wrong-password"))
    assert main([verb, "-c", str(config)]) == 69
    out, err = capsys.readouterr()
    assert "bad user name or password" in out + err
    assert "wrong-password" not in out + err
    assert "Traceback" not in err


@pytest.mark.parametrize("json_wanted", [False, True])
def test_tail_prints_each_alert_as_it_arrives(json_wanted, tmp_path, guarded, capsys, monkeypatch):
    monkeypatch.setenv("EDGE_MM_MQTT_PASSWORD", "right-password")
    words = ["tail", "--port", str(guarded.settings.port), "--username", "edge", "--device", "car-7", "--count", "1"]
    with Outbox(tmp_path / "o.sqlite", device="car-7") as outbox:
        sink = Talker(MqttSink(guarded.settings, outbox), outbox)
        sink.start()
        try:
            assert main([*words, "--seconds", "30", *(["--json"] if json_wanted else [])]) == 0
        finally:
            sink.end()
    (line,) = capsys.readouterr().out.splitlines()
    if json_wanted:
        assert json.loads(line)["data"]["kind"] == "driver.drowsy"
    else:
        assert (
            "edge_mm/car-7  raised   high    driver.drowsy: drowsy for 3.0 s  [attention vision 0.70 audio 0.30]"
            in line
        )


class Talker:
    """Raises the same alarm again and again until somebody has heard it."""

    def __init__(self, sink: MqttSink, outbox: Outbox) -> None:
        import threading

        self._sink, self._outbox = sink, outbox
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk)

    def start(self) -> None:
        self._sink.start()
        self._thread.start()

    def _talk(self) -> None:
        while not self._stop.wait(0.2):
            self._outbox.commit([ALERT])
            self._sink.wake()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._sink.stop()
