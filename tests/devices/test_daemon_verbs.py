"""The one-shot verbs with a real broker: check says yes, tail prints, a wrong password is 69."""

import json
import threading

import msgspec
import pytest
from installation import broker, configured, sound_source
from recordings import bursts

from edge_mm.cli import main
from edge_mm.delivery.connection import Connection
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.payloads import replay_event
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
            "edge_mm/car-7  raised     high    driver.drowsy: drowsy for 3.0 s  [attention vision 0.70 audio 0.30]"
            in line
        )


@pytest.mark.parametrize("json_wanted", [False, True])
def test_tail_shows_one_line_per_event_and_no_letter_that_moves_a_cursor(json_wanted, guarded, capsys, monkeypatch):
    monkeypatch.setenv("EDGE_MM_MQTT_PASSWORD", "right-password")
    text = "hello\x1b[2J\x1b]0;owned\x07\n2026-01-01 edge_mm/car-7 cleared: a forged line\u2028\x9b2J"
    event = replay_event(ALERT, seq=1, digest="0" * 64, origin_ns=0, bundle=None, source="edge_mm\n/x")
    reason = msgspec.structs.replace(event.data.reason, text=text)
    event = msgspec.structs.replace(event, data=msgspec.structs.replace(event.data, reason=reason))
    payload = json.dumps(msgspec.to_builtins(event), indent=1, ensure_ascii=False).encode()
    words = ["tail", "--port", str(guarded.settings.port), "--username", "edge", "--count", "1", "--seconds", "30"]
    publisher = Connection(guarded.settings, client_id="forger", clean_session=True)
    publisher.open()
    stop = threading.Event()

    def forge() -> None:
        while not stop.is_set():
            publisher.publish("edge_mm/x/alert/event", payload, qos=0, retain=False)
            publisher.step(0.2)

    thread = threading.Thread(target=forge)
    thread.start()
    try:
        assert main([*words, *(["--json"] if json_wanted else [])]) == 0
    finally:
        stop.set()
        thread.join(10)
        publisher.close()
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.rstrip("\n").isprintable()
    if json_wanted:
        assert json.loads(out)["data"]["reason"]["text"] == text


class Talker:
    """Raises the same alarm again and again until somebody has heard it."""

    def __init__(self, sink: MqttSink, outbox: Outbox) -> None:
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


def test_tail_takes_the_broker_of_the_configuration_here_and_says_when_it_goes_and_comes(tmp_path, monkeypatch, capsys):
    with broker() as local:
        configured(tmp_path, port=local.settings.port, sources="")
        monkeypatch.chdir(tmp_path)
        gone = threading.Timer(1.0, local.kill)
        gone.start()
        assert main(["tail", "--seconds", "4"]) == 0
        gone.join()
        assert f"broker 127.0.0.1:{local.settings.port}: gone; trying again" in capsys.readouterr().err
