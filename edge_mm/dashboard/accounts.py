"""Who may look: a file of names and hashed passwords, sessions, and the pace at which passwords may be tried.

In: a file that only its owner can read; what somebody typed. Out: a session, or nothing. Passwords are kept as scrypt
hashes and compared in constant time; a name that is not there takes as long as one that is. Not here: cookies and
requests (``gate``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_mm.errors import ConfigError, UsageError

NAME = re.compile(r"[A-Za-z0-9._@-]{1,32}")
"""A login name; devices show it with the alarm."""
LEAST_LETTERS = 8
MOST_LETTERS = 256
_N, _R, _P = 2**15, 8, 1
"""32 MiB and some 50 ms a try."""
_MAXMEM = 64 * 2**20
_LONGEST_FILE = 100_000


@dataclass(frozen=True, slots=True)
class Account:
    """One login."""

    salt: bytes
    digest: bytes


def read_accounts(path: Path) -> Mapping[str, Account]:
    """Names and hashes of a password file.

    Raises:
        ConfigError: it is missing, others can read it, or a line is not as ``add_account`` writes it.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(
            f"--password-file {path}: {error.strerror or error}; make it with "
            f"'edge-mm dashboard --password-file {path} --add-user NAME'"
        ) from error
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"--password-file {path}: others can read it; chmod 600 {path}")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigError(f"--password-file {path}: it belongs to another user; chown it")
    accounts: dict[str, Account] = {}
    for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        account = _account(line)
        if account is None or len(content) > _LONGEST_FILE:
            raise ConfigError(
                f"--password-file {path}: line {number} is no name with a hash; passwords are not written there "
                f"as they are: add each with 'edge-mm dashboard --password-file {path} --add-user NAME'"
            )
        accounts[account[0]] = account[1]
    if not accounts:
        raise ConfigError(f"--password-file {path}: it names nobody; add one with --add-user NAME")
    return accounts


def add_account(path: Path, name: str, password: str) -> None:
    """Write a name with its hash, in the place of an older one; the file is the owner's alone.

    Raises:
        UsageError: the name or the password cannot be.
        ConfigError: the file cannot be read or written.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"--add-user {name!r}: 1 to 32 letters, digits, and . _ @ - are a name")
    if not LEAST_LETTERS <= len(password) <= MOST_LETTERS:
        raise UsageError(f"a password has {LEAST_LETTERS} to {MOST_LETTERS} letters; nothing was written")
    salt = secrets.token_bytes(16)
    line = f"{name}:scrypt:{_text(salt)}:{_text(_digest(password, salt))}"
    try:
        old = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [each for each in old if not each.startswith(f"{name}:")]
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write("\n".join([*kept, line]) + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--password-file {path}: {getattr(error, 'strerror', None) or error}") from error


class Sessions:
    """Who has logged in; in memory, so a restart logs everyone out.

    Args:
        accounts: names and hashes.
        lifetime_s: a session ends after so long.
        most: the oldest end when there are more.
    """

    def __init__(self, accounts: Mapping[str, Account], *, lifetime_s: float = 12 * 3600.0, most: int = 200) -> None:
        self._accounts, self._lifetime_s, self._most = accounts, lifetime_s, most
        self._open: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._nobody = Account(secrets.token_bytes(16), secrets.token_bytes(32))

    def proves(self, name: str, password: str) -> bool:
        """Whether this is that one's password; takes as long for a name that is not there. Slow on purpose."""
        account = self._accounts.get(name, self._nobody)
        same = hmac.compare_digest(_digest(password[:MOST_LETTERS], account.salt), account.digest)
        return same and account is not self._nobody

    def begin(self, name: str, now_s: float) -> str:
        """A new session's secret, for the cookie."""
        secret = secrets.token_urlsafe(32)
        self._open[_key(secret)] = (name, now_s + self._lifetime_s)
        while len(self._open) > self._most:
            self._open.popitem(last=False)
        return secret

    def who(self, secret: str, now_s: float) -> str | None:
        """Whose session this is; None when it is none, or over."""
        name, until_s = self._open.get(_key(secret), ("", 0.0))
        return name if name and now_s < until_s else None

    def end(self, secret: str) -> None:
        """Log out."""
        self._open.pop(_key(secret), None)


class Pace:
    """How fast passwords may be tried: after some failures ever longer waits, for an address and for all together.

    Args:
        free: failures that cost nothing.
        longest_s: longest wait; after so long without a failure, one is forgotten.
    """

    def __init__(self, *, free: int = 5, longest_s: float = 300.0) -> None:
        self._free, self._longest_s = free, longest_s
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, address: str, now_s: float) -> float:
        """How long this address has to wait before its next try."""
        return max(0.0, *(self._until(each, free) - now_s for each, free in self._watched(address)))

    def failed(self, address: str, now_s: float) -> None:
        """A try was wrong."""
        for each, _ in self._watched(address):
            count, last_s = self._failures.pop(each, (0, now_s))
            # Else a year's slips of the pen would make everyone wait in the end.
            left = max(0, count - int((now_s - last_s) / self._longest_s))
            self._failures[each] = (left + 1, now_s)
        while len(self._failures) > 1000:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """The address begins anew; the count of all together stays."""
        self._failures.pop(address, None)

    def _watched(self, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
        return (address, self._free), ("", 20 * self._free)  # many addresses, one attacker

    def _until(self, address: str, free: int) -> float:
        count, last_s = self._failures.get(address, (0, 0.0))
        over = count - free
        return last_s + min(self._longest_s, 2.0 ** min(over, 20)) if over >= 0 else 0.0


def _account(line: str) -> tuple[str, Account] | None:
    parts = line.strip().split(":")
    if len(parts) != 4 or parts[1] != "scrypt" or not NAME.fullmatch(parts[0]):
        return None
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
    except ValueError:
        return None
    return (parts[0], Account(salt, digest)) if len(salt) == 16 and len(digest) == 32 else None


def _digest(password: str, salt: bytes) -> bytes:
    raw = password.encode(errors="surrogatepass")
    return hashlib.scrypt(raw, salt=salt, n=_N, r=_R, p=_P, maxmem=_MAXMEM, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()  # a table look-up tells nothing about a secret
