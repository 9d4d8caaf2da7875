"""Who gets to the dashboard's page: own pages, own names, logins."""

import asyncio

import pytest

from edge_mm.cli import main
from edge_mm.dashboard.accounts import Pace, Sessions, add_account, read_accounts
from edge_mm.dashboard.gate import COOKIE, WHO, Gate
from edge_mm.errors import ConfigError, UsageError

PASSWORD = "a long enough word"


@pytest.fixture(scope="module")
def logins(tmp_path_factory):
    path = tmp_path_factory.mktemp("logins") / "file"
    add_account(path, "anna", PASSWORD)
    return path


def ask(gate, *, path="/", method="GET", body=b"", kind="http", **headers):
    """One request; status and headers of the answer (a websocket's close code)."""
    sent = []
    scope = {
        "type": kind, "path": path, "method": method, "client": ("10.0.0.1", 5),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip

    async def receive():
        return {"type": "http.request" if kind == "http" else "websocket.connect", "body": body}

    async def send(message):
        sent.append(message)

    asyncio.run(gate(scope, receive, send))
    first = sent[0]
    return first.get("status", first.get("code")), dict(first.get("headers", []))


async def behind(scope, _receive, send):
    """The application behind the gate says whom it was told."""
    who = scope.get(WHO, "nobody")
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept", "code": who})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"who", who.encode())]})
        await send({"type": "http.response.body", "body": b""})


def gate(logins=None, **options):
    sessions = None if logins is None else Sessions(read_accounts(logins))
    return Gate(behind, names=frozenset({"localhost", "ward"}), sessions=sessions, **options)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "192.168.0.4", "WARD:8080"])
def test_an_address_and_our_own_names_are_let_through(host):
    assert ask(gate(), host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example:8080", "", "127.0.0.1.evil.example", "localhost@evil", "a b", "ward\t"])
def test_another_name_is_refused_against_dns_rebinding(host):
    assert ask(gate(), host=host)[0] == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8080", "http://["]
)
def test_another_sites_page_is_refused_whatever_it_asks(origin):
    for kind in ("http", "websocket"):
        status, _ = ask(gate(), host="127.0.0.1:8080", origin=origin, kind=kind)
        assert status == (403 if kind == "http" else 4403)


def test_a_websocket_or_a_post_without_an_origin_is_refused():
    assert ask(gate(), host="127.0.0.1:8080", kind="websocket")[0] == 4403
    assert ask(gate(), host="127.0.0.1:8080", method="POST")[0] == 403
    assert ask(gate(), host="127.0.0.1:8080", origin="http://127.0.0.1:8080", kind="websocket")[0] == "nobody"


@pytest.mark.parametrize(
    ("secure", "origin", "ours"),
    [
        (False, "http", True),
        (False, "https", True),
        (True, "https", True),
        (True, "http", False),
        (False, "ftp", False),
    ],
)  # fmt: skip
def test_a_page_without_tls_is_not_ours_where_we_speak_it(secure, origin, ours):
    status, _ = ask(gate(secure=secure), host="ward", origin=f"{origin}://ward", kind="websocket")
    assert status == ("nobody" if ours else 4403)


def test_what_is_no_login_is_not_too_many(logins):
    for body in (b"", b"\xff", b"x" * 5000):
        status, headers = ask(gate(logins), host="ward", origin="http://ward", path="/login", method="POST", body=body)
        assert status == 400 and b"retry-after" not in headers


def test_passwords_that_come_all_at_once_are_tried_no_faster(logins):
    """Each waits for the others before it is tried, and what they came to counts for it."""
    tried = []

    class Counted(Sessions):
        def proves(self, name, password):
            tried.append(password)
            return super().proves(name, password)

    one = Gate(behind, names=frozenset({"ward"}), sessions=Counted(read_accounts(logins)))
    told = []

    async def guess(i):
        body = {"type": "http.request", "body": f"name=anna&password=guess{i}".encode()}
        headers = [(b"host", b"ward"), (b"origin", b"http://ward")]
        scope = {"type": "http", "path": "/login", "method": "POST", "client": ("10.0.0.1", 5), "headers": headers}

        async def receive():
            return body

        async def send(message):
            told.append(message.get("status"))

        await one(scope, receive, send)

    async def at_once():
        await asyncio.gather(*(guess(i) for i in range(40)))

    asyncio.run(at_once())
    assert 5 <= len(tried) <= 6  # two are tried side by side
    assert (told.count(401), told.count(429)) == (len(tried), 40 - len(tried))


def test_without_a_session_nothing_behind_is_reached(logins):
    one = gate(logins)
    status, headers = ask(one, host="ward", accept="text/html")
    assert (status, headers[b"location"]) == (303, b"/login")
    assert ask(one, host="ward", path="/_nicegui/x.js")[0] == 401
    assert ask(one, host="ward", origin="http://ward", kind="websocket")[0] == 4401
    assert ask(one, host="ward", cookie=f"{COOKIE}=guessed")[0] == 401


def log_in(one, password=PASSWORD, name="anna", scheme="http"):
    body = f"name={name}&password={password.replace(' ', '+')}".encode()
    return ask(one, host="ward", origin=f"{scheme}://ward", path="/login", method="POST", body=body)


def test_a_login_opens_a_session_under_that_name_and_logging_out_ends_it(logins):
    one = gate(logins, secure=True)
    status, headers = log_in(one, scheme="https")
    cookie = headers[b"set-cookie"].decode()
    assert status == 303
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/"))
    mine = {"host": "ward", "cookie": cookie.split(";")[0]}
    assert ask(one, **mine)[1][b"who"] == b"anna"
    assert ask(one, **mine, origin="https://ward", kind="websocket")[0] == "anna"
    assert ask(one, **mine, path="/logout")[0] == 405, "a picture on another page must not log out"
    assert ask(one, **mine, origin="https://ward", path="/logout", method="POST")[0] == 303
    assert ask(one, **mine)[0] == 401


def test_after_some_wrong_passwords_the_right_one_has_to_wait_too(logins):
    one = gate(logins)
    assert [log_in(one, "wrong wrong")[0] for _ in range(5)] == [401] * 5
    status, headers = log_in(one)
    assert status == 429
    assert int(headers[b"retry-after"]) >= 1


def test_waits_double_and_belong_to_an_address_until_all_together_fail_too_often():
    pace = Pace(free=2, longest_s=60)
    waits = []
    for _ in range(12):
        pace.failed("a", 100.0)
        waits.append(pace.wait_s("a", 100.0))
    assert waits[:6] == [0, 1, 2, 4, 8, 16]
    assert max(waits) == 60
    assert pace.wait_s("b", 100.0) == 0
    for i in range(40):
        pace.failed(f"address {i}", 100.0)
    assert pace.wait_s("b", 100.0) > 0


def test_slips_of_the_pen_over_months_make_nobody_wait_and_a_patient_guesser_stays_slow():
    pace = Pace(free=2, longest_s=60)
    for day in range(200):
        pace.failed(f"address {day % 50}", day * 86_400.0)
        assert pace.wait_s("b", day * 86_400.0) == 0
    now_s, tries = 1e9, 0
    while now_s < 1e9 + 3600:
        now_s += pace.wait_s("guesser", now_s)
        pace.failed("guesser", now_s)
        tries += 1
    assert tries <= 2 + 6 + 60


def test_a_session_ends_by_itself(logins):
    sessions = Sessions(read_accounts(logins), lifetime_s=10)
    secret = sessions.begin("anna", 100.0)
    assert sessions.who(secret, 109.0) == "anna"
    assert sessions.who(secret, 110.0) is None
    assert sessions.who("", 100.0) is None


def test_the_password_file_has_hashes_and_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "logins"
    add_account(path, "anna", PASSWORD)
    add_account(path, "ben", PASSWORD)
    add_account(path, "anna", "another long word")
    assert PASSWORD not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    sessions = Sessions(read_accounts(path))
    assert [sessions.proves("anna", word) for word in (PASSWORD, "another long word")] == [False, True]
    assert not sessions.proves("nobody", PASSWORD)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others can read it; chmod 600"):
        read_accounts(path)


@pytest.mark.parametrize("content", ["", "anna:secret\n", "anna:scrypt:x:y\n", "anna:md5:AAAA:BBBB\n", "\x00"])
def test_a_password_file_that_is_something_else_is_refused(tmp_path, content):
    path = tmp_path / "logins"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigError, match="password-file"):
        read_accounts(path)


@pytest.mark.parametrize(("name", "password"), [("anna", "short"), ("a:b", PASSWORD), ("", PASSWORD)])
def test_a_name_or_password_that_cannot_be_writes_nothing(tmp_path, name, password):
    with pytest.raises(UsageError):
        add_account(tmp_path / "logins", name, password)
    assert not (tmp_path / "logins").exists()


def test_a_page_that_others_can_reach_needs_a_login(capsys):
    pytest.importorskip("nicegui", reason="not here: the extra [dashboard]")
    assert main(["dashboard", "--broker", "127.0.0.1", "--listen", "0.0.0.0"]) == 78
    assert "it needs a login" in capsys.readouterr().err
