"""Alerts in a file and over HTTP: each once after de-duplication, in order, whatever breaks on the way."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from delivery_samples import alert

from edge_mm.daemon.masking import without
from edge_mm.delivery.carrier import Carrier, RefusedError
from edge_mm.delivery.log_file import LogFile
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.webhook import CONTENT_TYPE, Webhook, wrong_url
from edge_mm.errors import ConfigError, DeliveryError

PATIENCE_S = 20.0


class Receiver:
    """An HTTP server that answers what it is told, in turn, then 204."""

    def __init__(self, *answers):
        self.got = queue.Queue()
        waiting = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                status = waiting.pop(0) if waiting else 204
                handler.send_response(status)
                if status == 302:
                    handler.send_header("Location", "/elsewhere")
                handler.end_headers()
                self.got.put((handler.path, dict(handler.headers), json.loads(body), status))

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next(self):
        return self.got.get(timeout=PATIENCE_S)


@pytest.fixture
def outbox(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7", sinks=("mqtt", "it")) as opened:
        yield opened


def carrier(outbox, sink, told=None, **more):
    told = queue.Queue() if told is None else told
    options = {"backoff_s": (0.01, 0.05), "slow_s": (0.01, 0.05)} | more
    return Carrier("it", sink, outbox, base_topic="edge_mm", tell=lambda *what: told.put(what), **options)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_alert_is_posted_as_cloudevents_with_the_headers_and_deleted_for_this_sink(outbox):
    outbox.commit([alert(1), alert(2, "cleared")])
    with Receiver() as there:
        hook = Webhook(f"http://127.0.0.1:{there.port}/in?a=1", headers={"Authorization": "Bearer s3cret"})
        one = carrier(outbox, hook)
        one.start()
        posts = [there.next() for _ in range(2)]
        assert one.stop(timeout_s=PATIENCE_S)
    assert [(path, headers["Content-Type"]) for path, headers, _, _ in posts] == [("/in?a=1", CONTENT_TYPE)] * 2
    assert {headers["Authorization"] for _, headers, _, _ in posts} == {"Bearer s3cret"}
    assert [(event["data"]["seq"], event["type"]) for _, _, event, _ in posts] == [
        (1, "edge_mm.alert.raised"), (2, "edge_mm.alert.cleared")
    ]  # fmt: skip
    assert outbox.depths == {"mqtt": 2, "it": 0}


@pytest.mark.parametrize("answer", [500, 503, 408, 429, 401, 404, 302])
def test_what_is_not_taken_comes_again_in_order_and_is_told(outbox, answer):
    outbox.commit([alert(1), alert(2, incident=2)])
    told = queue.Queue()
    with Receiver(answer) as there:
        one = carrier(outbox, Webhook(f"http://127.0.0.1:{there.port}/secret-path"), told)
        one.start()
        posts = [there.next() for _ in range(3)]
        assert [told.get(timeout=PATIENCE_S)[0] for _ in range(3)] == ["live", "degraded", "live"]
        assert one.stop(timeout_s=PATIENCE_S)
    assert [event["data"]["seq"] for _, _, event, _ in posts] == [1, 1, 2]
    assert posts[0][2]["id"] == posts[1][2]["id"]
    assert {path for path, *_ in posts} == {"/secret-path"}, "a redirect was followed"


def test_an_event_that_is_refused_for_itself_holds_nobody_up_and_comes_again(outbox):
    outbox.commit([alert(n, incident=n) for n in (1, 2, 3)])
    with Receiver(413) as there:
        one = carrier(outbox, Webhook(f"http://127.0.0.1:{there.port}/"))
        one.start()
        seqs = [there.next()[2]["data"]["seq"] for _ in range(4)]
        assert one.stop(timeout_s=PATIENCE_S)
    assert seqs[0] == 1
    assert sorted(seqs[1:]) == [1, 2, 3]
    assert seqs.index(2) < seqs.index(3)


def test_nothing_of_an_address_behind_its_host_and_no_header_is_said(outbox, caplog):
    hook = Webhook("http://127.0.0.1:9/T0KEN?key=K3Y", headers={"X-Key": "s3cret"}, timeout_s=1)
    with pytest.raises(DeliveryError, match=r"^http://127\.0\.0\.1:9: not reachable: ") as caught:
        hook.reach()
    with pytest.raises(RefusedError) as refused:
        hook._judge(403, "Forbidden")
    for text in (str(caught.value), str(refused.value), caplog.text):
        assert not any(secret in text for secret in ("T0KEN", "K3Y", "s3cret"))


@pytest.mark.parametrize(
    "url",
    ["", "ftp://h/", "http://", "https://u:p@h/", "https://u@h/", "http://h:99999/", "http://h/#x", "http://h/a b",
     "file:///etc/passwd", "http://h/\r\nX: y", "http://[::1", "//h/", "h/path"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_repeating_it(url):
    assert wrong_url(url)
    with pytest.raises(ConfigError) as caught:
        Webhook(url)
    assert url in ("", "http://") or url not in str(caught.value)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("host", ["::1", "fe80::abcd"])
def test_the_last_group_of_an_address_is_not_taken_for_a_port(host, secure):
    connection = Webhook(f"http{'s' if secure else ''}://[{host}]/hook")._connection()
    assert (connection.host, connection.port) == (host, 443 if secure else 80)


def test_headers_cannot_bring_lines_of_their_own():
    for name, value in (("X\r\nY", "v"), ("X", "v\r\nY: z"), ("Content-Length", "3"), ("host", "h"), ("", "v")):
        with pytest.raises(ConfigError):
            Webhook("http://h/", headers={name: value})


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(tmp_path):
    import ssl
    import subprocess

    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", tmp_path / "k.pem", "-out", tmp_path / "c.pem"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl is not installed")
    with Receiver() as there:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
        there._server.socket = context.wrap_socket(there._server.socket, server_side=True)
        url = f"https://localhost:{there.port}/"
        with pytest.raises(DeliveryError, match="its certificate is not accepted"):
            Webhook(url).reach()
        Webhook(url, tls_ca=str(tmp_path / "c.pem")).reach()


def test_the_file_has_each_event_once_after_restarts_and_a_torn_line(outbox, tmp_path):
    path = tmp_path / "log" / "alerts.jsonl"
    outbox.commit([alert(n, incident=n) for n in range(1, 6)])
    events = []

    class Kept(LogFile):
        def deliver(self, taken):
            super().deliver(taken)
            events.extend(taken)

    one = carrier(outbox, Kept(path), most=2)
    one.start()
    assert one.stop(timeout_s=PATIENCE_S)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"specversion":"1.0","id":"torn')
    again = LogFile(path)
    again.deliver(events[2:])  # written, and not confirmed before the crash
    assert path.read_bytes() == whole
    assert [line["data"]["seq"] for line in lines(path)] == [1, 2, 3, 4, 5]
    assert path.stat().st_mode & 0o777 == 0o600
    cut = whole[: len(whole) - 20]  # the last line is torn: it was never confirmed
    again.close()
    path.write_bytes(cut)
    LogFile(path).deliver(events[4:])
    assert [line["id"] for line in lines(path)] == [event.id for event in events]


def test_a_file_that_has_grown_is_put_aside_and_nothing_is_written_twice_over_the_change(outbox, tmp_path):
    path = tmp_path / "alerts.jsonl"
    outbox.commit([alert(n, incident=n) for n in range(1, 31)])
    one = carrier(outbox, LogFile(path, max_bytes=8000, keep=3), most=3)
    one.start()
    assert one.stop(timeout_s=PATIENCE_S)
    files = [tmp_path / f"alerts.jsonl.{n}" for n in (3, 2, 1)] + [path]
    seqs = [line["data"]["seq"] for file in files if file.exists() for line in lines(file)]
    assert seqs == list(range(seqs[0], 31))
    assert all(file.stat().st_size <= 8000 for file in files if file.exists())
    assert not (tmp_path / "alerts.jsonl.4").exists()


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DeliveryError, match=r"folder: cannot be written: "):
        LogFile(tmp_path / "folder").deliver([])


def test_only_what_is_wanted_is_carried_and_the_rest_waits_for_nobody(outbox, tmp_path):
    outbox.commit([alert(1, priority="low"), alert(2, incident=2)])
    one = carrier(outbox, LogFile(tmp_path / "a"), wants=lambda each: each.priority == "high", most=10)
    one.start()
    assert one.stop(timeout_s=PATIENCE_S)
    assert [line["data"]["seq"] for line in lines(tmp_path / "a")] == [2]


def test_a_file_of_which_nothing_is_kept_has_no_event_twice_after_a_crash(outbox, tmp_path):
    path = tmp_path / "alerts.jsonl"
    outbox.commit([alert(n, incident=n) for n in range(1, 8)])
    written = []

    class Kept(LogFile):
        def deliver(self, events):
            before = path.read_bytes() if path.exists() else b""
            super().deliver(events)
            after = path.read_bytes()
            written.append(after.removeprefix(before) if after.startswith(before) else after)
            seen.extend(events)

    seen = []
    one = carrier(outbox, Kept(path, max_bytes=3000, keep=0), most=2)
    one.start()
    assert one.stop(timeout_s=PATIENCE_S)
    assert len(lines(path)) < 7, "some are gone with the file before"
    for taken in (seen[4:], seen):  # killed before these were confirmed, or power was lost
        Kept(path, max_bytes=3000, keep=0).deliver(taken)
    numbers = [json.loads(line)["data"]["seq"] for some in written for line in some.splitlines()]
    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert (tmp_path / "alerts.jsonl.ids").stat().st_mode & 0o777 == 0o600


class Telling:
    """A plug-in that says what it was given when it fails, as some do."""

    name = "telling"

    def __init__(self, *errors):
        self._errors = list(errors)
        self.failed = threading.Event()

    def deliver(self, events):
        if self._errors:
            self.failed.set()
            raise self._errors.pop(0)


@pytest.mark.parametrize("error", [DeliveryError("login with s3cret-word failed"), KeyError("s3cret-word")])
def test_what_a_sink_must_not_tell_is_in_no_line_and_no_report(outbox, caplog, error):
    outbox.commit([alert(1)])
    told, sink = queue.Queue(), Telling(error)
    one = carrier(outbox, sink, told, hide=without(["s3cret-word"]), backoff_s=(60.0, 60.0))
    with caplog.at_level("DEBUG"):
        one.start()
        assert told.get(timeout=PATIENCE_S) == ("live", "")
        state, why = told.get(timeout=PATIENCE_S)
        assert (state, "***" in why, "s3cret" in why) == ("degraded", True, False)
        assert "***" in one.report["detail"]
        assert "s3cret" not in str(one.report)
        one.stop(timeout_s=0.1)
    assert "***" in caplog.text
    assert "s3cret" not in caplog.text


def test_what_was_wrong_is_over_when_nothing_waits_any_more(outbox):
    outbox.commit([alert(1)])
    told = queue.Queue()
    one = carrier(outbox, Telling(DeliveryError("away")), told, backoff_s=(0.2, 0.2))
    one.start()
    assert [told.get(timeout=PATIENCE_S)[0] for _ in range(2)] == ["live", "degraded"]
    outbox.acknowledged(1, sink="it")  # as of a sink whose alerts are no longer wanted
    assert told.get(timeout=PATIENCE_S) == ("live", "")
    assert one.report["state"] == "live"
    assert one.stop(timeout_s=PATIENCE_S)
