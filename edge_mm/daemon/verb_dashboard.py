"""``edge-mm dashboard``: serve one page on which a fleet can be watched and its alarms answered.

In: the parsed command line. Out: an address on stdout, then the page until it is stopped. With ``--add-user`` a login
in
the password file instead. Not here: the page and its server (``edge_mm.dashboard``).
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from edge_mm.daemon.config import load_config
from edge_mm.daemon.output import say
from edge_mm.daemon.verb_tail import DEFAULT, PASSWORD
from edge_mm.dashboard.accounts import add_account, read_accounts
from edge_mm.dashboard.server import Place, require_extra, serve
from edge_mm.delivery.settings import MqttSettings
from edge_mm.errors import ConfigError, UsageError


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
    settings = _settings(args)
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


def _settings(args: argparse.Namespace) -> MqttSettings:
    here = args.config or (DEFAULT if Path(DEFAULT).is_file() and args.host is None else None)
    base: MqttSettings = load_config(here).mqtt if here else MqttSettings()
    keys = ("host", "port", "base_topic", "tls_ca", "tls_cert", "tls_key")
    changed: dict[str, Any] = {key: getattr(args, key) for key in keys if getattr(args, key) is not None}
    if args.tls:
        changed["tls"] = True
    if args.username is not None:
        changed |= {"username": args.username, "password": os.environ.get(PASSWORD)}
    try:
        return msgspec.structs.replace(base, **changed)
    except ConfigError as error:  # said on the command line, not in a file
        raise UsageError(str(error).removeprefix("mqtt: ")) from error


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise UsageError(f"{name}: no such file")
    return path
