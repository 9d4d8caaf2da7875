"""Readings over real brokers: what a phone publishes becomes a stream, and an alert at a subscriber."""

import contextlib
import itertools
import json
import threading

import paho.mqtt.client as paho
import pytest
from delivery_broker import ToldBroker, publish
from installation import broker as any_broker
from installation import configured, log_of, received, start

from edge_mm.daemon.config import load_config
from edge_mm.daemon.plan import plan_sources
from edge_mm.delivery.listening import listener
from edge_mm.delivery.local_broker import LocalBroker
from edge_mm.delivery.settings import MqttSettings
from edge_mm.delivery.subscriber import Subscriber
from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.sources.mqtt_topics import MqttTopics
from edge_mm.sources.wanted import Wanted

pytestmark = pytest.mark.devices
SECRET = "correct horse battery staple"


class Phone:
    """Publishes; waits until the broker has it."""

    def __init__(self, settings):
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="phone", protocol=paho.MQTTv311)
        if settings.username:
            self._client.username_pw_set(settings.username, settings.password)
        self._client.connect(settings.host, settings.port)
        self._client.loop_start()

    def says(self, topic, payload, *, qos=1, retain=False):
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(10)

    def leave(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def phone(broker):
    client = Phone(broker.settings)
    yield client
    client.leave()


def topics(settings, *wanted):
    return MqttTopics(listener(settings, device="d"), wanted)


def heart(topic="home/phone", name="heart", **more):
    return Wanted(name, "heart_rate", address=topic, **more)


@contextlib.contextmanager
def opened(source):
    source.open()
    try:
        yield source
    finally:
        source.close()


def test_numbers_of_several_topics_and_paths_come_over_one_connection_each_in_its_stream(broker, phone):
    wanted = (
        heart(path="heart.bpm"),
        Wanted("oxygen", "spo2", address="home/phone", path="spo2"),
        Wanted("speed", "speed", address="car/obd", unit="mph", stale_s=5.0),
        Wanted("air", "number", address="room/co2", unit="ppm"),
        Wanted("cuff", "blood_pressure", address="cuff"),
    )
    with opened(topics(broker.settings, *wanted)) as source:
        assert source.streams == ("heart", "oxygen", "speed", "air", "cuff")
        assert [spec.unit for spec in source.specs] == ["bpm", "%", "km/h", "ppm", "mmHg"]
        assert [spec.stale_s for spec in source.specs] == [60.0, 60.0, 5.0, 60.0, 60.0]
        phone.says("home/phone", '{"heart": {"bpm": 71}, "spo2": 97}', qos=0)
        phone.says("car/obd", "50")
        phone.says("room/co2", "612")
        phone.says("cuff", "[120, 80, 93]")
        got = [source.read() for _ in range(5)]
    values = {sample.stream: sample.data.tolist() for sample in got}
    assert values["heart"] == [71.0]
    assert values["oxygen"] == [97.0]
    assert values["speed"] == pytest.approx([80.4672], rel=1e-6)
    assert values["air"] == [612.0]
    assert values["cuff"] == [[120.0, 80.0, 93.0]]
    times = [sample.t_ns for sample in got]
    assert times == sorted(times)


def await_retained(settings, topic):
    """A broker may keep a value some time after it has confirmed it."""
    for _ in range(50):
        with Subscriber(settings, client_id="late", filters=[topic], persistent=False) as late:
            if (received := late.receive(timeout_s=1.0)) is not None and received.retained:
                return
    pytest.fail("the broker keeps nothing")


def test_what_the_broker_had_kept_is_not_taken_for_a_value_of_now(broker, phone):
    phone.says("home/phone", "180", retain=True)
    await_retained(broker.settings, "home/phone")
    seen = set()
    with opened(topics(broker.settings, heart())) as source:
        for _ in range(50):
            phone.says("home/phone", "71")
            seen.add(float(source.read().data[0]))
            if source.counters["retained"]:
                break
        assert source.counters["retained"] == 1
        phone.says("home/phone", "72", retain=True)  # one that comes while we listen is of now, kept or not
        assert source.read().data.tolist() == [72.0]
    assert seen == {71.0}


def test_payloads_that_cannot_be_read_are_counted_and_are_trouble_while_they_are_a_third(broker, phone, caplog):
    with opened(topics(broker.settings, heart(path="bpm"), heart("other", "other"))) as source:
        for payload in (b"\xff", b"{}", b"x" * 70_000) * 2:
            phone.says("home/phone", payload)
        phone.says("other", "60")
        assert source.read().stream == "other"
        assert source.counters == {"bad_payloads": 6, "retained": 0, "dropped": 0}
        assert list(source.troubles) == ["heart"]  # whoever may publish to one topic says nothing of another
        for _ in range(20):
            phone.says("home/phone", '{"bpm": 72}')
        assert {source.read().data[0] for _ in range(20)} == {72.0}
        assert source.trouble == ""
    assert "cannot be read" in caplog.text


def test_every_message_of_a_burst_arrives_in_order(broker, phone):
    with opened(topics(broker.settings, heart())) as source:
        for bpm in range(60, 160):
            phone.says("home/phone", str(bpm))
        assert [source.read().data[0] for _ in range(100)] == list(range(60, 160))


def test_a_broker_that_dies_is_lost_and_its_topics_come_again_after_it_is_back(caplog):
    caplog.set_level("INFO")
    with any_broker() as broker:
        source = topics(broker.settings, heart())
        source.open()
        broker.kill()
        with pytest.raises(SourceLost, match="MQTT topics: broker"):
            source.read()
        source.close()
        with pytest.raises(SourceError, match="nothing listens there"):
            source.open()
        broker.start()
        source.open()
        phone = Phone(broker.settings)
        phone.says("home/phone", "72")
        assert source.read().data.tolist() == [72.0]
        phone.leave()
        source.close()
    assert caplog.text.count("never with a real phone") == 1


def test_login_and_its_refusal_are_said_without_the_password(kind, caplog):
    caplog.set_level("DEBUG")
    with LocalBroker(kind, login=("car", SECRET)) as broker:
        with opened(topics(broker.settings, heart())) as source:
            phone = Phone(broker.settings)
            phone.says("home/phone", "72")
            assert source.read().data.tolist() == [72.0]
            phone.leave()
        wrong = MqttSettings(port=broker.settings.port, username="car", password=SECRET + "!")
        with pytest.raises(SourceError, match="bad user name or password") as refused:
            topics(wrong, heart()).open()
    assert SECRET not in str(refused.value) + caplog.text + repr(refused.value.__context__)


def test_a_topic_that_the_broker_denies_is_said():
    with ToldBroker(granted=0x80) as broker, pytest.raises(SourceError, match="does not let us subscribe to home/ph"):
        topics(broker.settings(), heart()).open()


def test_a_topic_that_is_no_utf_8_ends_nothing():
    good = publish("home/phone", b"72")
    with (
        ToldBroker(sends=[good.replace(b"home", b"\xff\xfe\xff\xfe"), good]) as broker,
        opened(topics(broker.settings(), heart())) as source,
    ):
        assert source.read().data.tolist() == [72.0]


@pytest.mark.parametrize("topic", ["", "home/#", "home/+/heart", "a\0b"])
def test_a_topic_that_is_none_or_several_is_refused_when_the_source_is_made(topic):
    with pytest.raises(ConfigError):
        topics(MqttSettings(), heart(topic))


def configuration(folder, port, *sources, rules="", mqtt=""):
    rows = "".join(f"[[source]]\n{row}\n" for row in sources)
    return configured(folder, port=port, sources=rows, rules=rules, mqtt=mqtt)


HEART = 'name = "heart"\nkind = "heart_rate"\ndevice = "mqtt:home/phone"\npath = "bpm"\nstale_s = 5.0'


def test_all_topics_of_a_configuration_are_one_source_and_a_wildcard_is_a_wrong_configuration(tmp_path):
    second = 'name = "speed"\nkind = "speed"\ndevice = "mqtt:car/obd"\nunit = "mph"'
    (planned,) = plan_sources(load_config(configuration(tmp_path, 1, HEART, second)))
    assert dict(planned.kinds) == {"heart": "heart_rate", "speed": "speed"}
    with pytest.raises(ConfigError, match="wildcard"):
        plan_sources(load_config(configuration(tmp_path, 1, second.replace("car/obd", "car/+"))))


def test_a_phones_heart_rate_raises_an_alert_at_a_subscriber_and_its_silence_one_about_the_sensor(tmp_path):
    over = threading.Event()
    with any_broker(login=("car", SECRET)) as broker:
        phone = Phone(broker.settings)
        config = configuration(
            tmp_path, broker.settings.port, HEART, rules="heart_rate_s = 2.0",
            mqtt=f'username = "car"\npassword = "{SECRET}"\nclient_id = "same-for-both"',
        )  # fmt: skip

        def publish_until_over():
            for count in itertools.count():
                phone.says("home/phone", json.dumps({"bpm": 150 + count % 2}))
                if over.wait(0.5):
                    return

        publishing = threading.Thread(target=publish_until_over)
        with Subscriber(broker.settings, client_id="test") as subscriber:
            publishing.start()
            process = start(config)
            try:
                events = received(subscriber, until=lambda seen: seen[-1].data.kind == "health.heart_rate_high")
                over.set()
                publishing.join()
                events += received(subscriber, until=lambda seen: seen[-1].data.kind == "sensor.stale")
            finally:
                over.set()
                process.terminate()
                assert process.wait(30) == 0, log_of(config)
        phone.leave()
    raised = [event.data for event in events if event.data.transition == "raised"]
    assert [one.kind for one in raised] == ["health.heart_rate_high", "sensor.stale"], log_of(config)
    assert raised[0].value == pytest.approx(150.5, abs=0.5)
    assert SECRET not in log_of(config)
    assert "Traceback" not in log_of(config)
