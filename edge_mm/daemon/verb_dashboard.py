"""``edge-mm dashboard``: serve one page on which a fleet can be watched and its alarms answered.

In: the parsed command line. Out: an address on stdout, then the page until it is stopped. With ``--add-user`` a
login in the password file instead. Not here: the page and its server (``edge_mm.dashboard``).
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from edge_mm.daemon.broker_options import broker_settings
from edge_mm.daemon.output import say
from edge_mm.dashboard.accounts import add_account, read_accounts
from edge_mm.dashboard.server import Place, require_extra, serve
from edge_mm.errors import UsageError


def main(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        UsageError: an option that cannot be.
        ConfigError: the extra or the login is missing.
        EdgeMmError: the port is taken.
    """
    if args.add_user is not None:
        return _added(args)
    require_extra()
    settings = broker_settings(args)
    accounts = None if args.password_file is None else read_accounts(Path(args.password_file))
    if (args.https_cert is None) != (args.https_key is None):
        raise UsageError("--https-cert and --https-key go together")
    place = Place(
        args.listen,
        args.http_port,
        tuple(args.name),
        *(None if each is None else _file(each) for each in (args.https_cert, args.https_key)),
    )
    if not place.loopback and place.certificate is None:
        say(
            "passwords and readings travel unencrypted: give --https-cert and --https-key, or put a TLS proxy before it"
        )
    serve(settings, place, accounts, ready=lambda url: print(url, flush=True))
    return 0


def _added(args: argparse.Namespace) -> int:
    if args.password_file is None:
        raise UsageError("--add-user needs --password-file FILE: where the login is kept")
    if sys.stdin is not None and sys.stdin.isatty():
        password = getpass.getpass(f"Password of {args.add_user}: ")
        if getpass.getpass("Again: ") != password:
            raise UsageError("the two were not the same; nothing was written")
    else:
        password = "" if sys.stdin is None else sys.stdin.readline().rstrip("\r\n")
    add_account(Path(args.password_file), args.add_user, password)
    return 0


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"{name}: no such file")
    return path
