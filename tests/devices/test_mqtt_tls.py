"""A broker behind TLS: certificates on both sides, what is said about each that is wrong, topics of others."""

import os
import shutil
import socket
import subprocess

import pytest
from delivery_samples import alert

from edge_mm.delivery.connection import Connection
from edge_mm.delivery.listening import listener
from edge_mm.delivery.local_broker import find_broker
from edge_mm.delivery.mqtt import MqttSink
from edge_mm.delivery.probe import check_broker
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import DeliveryError, SourceError
from edge_mm.sources.mqtt_topics import MqttTopics
from edge_mm.sources.wanted import Wanted

pytestmark = pytest.mark.devices
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """Two authorities; a broker's and a client's certificate of the first."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: apt install openssl")
    folder = tmp_path_factory.mktemp("papers")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "stranger"):
        openssl("req", "-x509", *curve, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("broker", "client"):
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", f"{name}.pem", "-extfile", "names",
        )  # fmt: skip
    return folder


@pytest.fixture(params=["anyone", "certificate"])
def tls_broker(request, papers, tmp_path):
    try:
        _, program = find_broker("mosquitto")
    except DeliveryError as error:
        pytest.skip(str(error))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    wants_certificate = request.param == "certificate"
    config = tmp_path / "tls.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\ncafile {papers}/ca.pem\ncertfile {papers}/broker.pem\n"
        f"keyfile {papers}/broker.key\nrequire_certificate {str(wants_certificate).lower()}\n"
        + ("user root\n" if os.geteuid() == 0 else "")
    )
    process = subprocess.Popen([str(program), "-v", "-c", str(config)], stderr=subprocess.PIPE, text=True)
    while "running" not in process.stderr.readline():
        assert process.poll() is None
    yield port, wants_certificate
    process.kill()
    process.communicate()


def test_tls_delivers_to_the_right_broker_and_says_what_is_wrong_with_another(tls_broker, papers, outbox):
    port, wants_certificate = tls_broker
    own = {"tls_cert": f"{papers}/client.pem", "tls_key": f"{papers}/client.key"} if wants_certificate else {}
    sink = MqttSink(MqttSettings(port=port, tls_ca=f"{papers}/ca.pem", **own), outbox)
    sink.start()
    outbox.commit([alert(n) for n in range(100)], b"s")
    sink.wake()
    assert sink.wait_drained(timeout_s=PATIENCE_S)
    assert sink.stop()
    wrong = [
        ({"tls_ca": f"{papers}/stranger.pem"}, "its certificate is not trusted: .*; check mqtt.tls_ca"),
        ({"tls_ca": f"{papers}/ca.pem", "host": "localhost"}, "not trusted: .*[Hh]ostname mismatch"),
        ({}, "closed the connection before it answered; .* does it want TLS"),
    ]
    if wants_certificate:
        wrong.append(({"tls_ca": f"{papers}/ca.pem"}, "it wants a certificate of ours; give mqtt.tls_cert"))
    for settings, words in wrong:
        with pytest.raises(DeliveryError, match=words):
            check_broker(MqttSettings(port=port, **settings), timeout_s=5)


def test_topics_of_others_are_read_over_the_same_tls(tls_broker, papers):
    port, wants_certificate = tls_broker
    own = {"tls_cert": f"{papers}/client.pem", "tls_key": f"{papers}/client.key"} if wants_certificate else {}
    settings = MqttSettings(port=port, tls_ca=f"{papers}/ca.pem", **own)
    source = MqttTopics(listener(settings, device="d"), [Wanted("heart", "heart_rate", address="home/phone")])
    source.open()
    phone = Connection(settings, client_id="phone", clean_session=True)
    phone.open()
    phone.publish("home/phone", b"72", qos=1, retain=False)
    while not phone.step(1.0):
        pass
    assert source.read().data.tolist() == [72.0]
    phone.close()
    source.close()
    stranger = MqttSettings(port=port, tls_ca=f"{papers}/stranger.pem")
    with pytest.raises(SourceError, match="certificate is not trusted"):
        MqttTopics(listener(stranger, device="d"), [Wanted("heart", "heart_rate", address="home/phone")]).open()
