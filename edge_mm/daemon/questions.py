"""Words of the verbs that ask about an installation or put it in place, but do not watch.

In: the function that makes a verb's parser. Out: ``check``, ``rules``, ``doctor``, ``tail``, ``devices``, ``bundle``,
``install-service`` with their options. Cheap on purpose: the command line imports it. Not here: the other verbs
(``edge_mm.cli``), what the verbs do (``daemon.verb_*``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from edge_mm.daemon import arguments
from edge_mm.daemon.broker_options import add_broker_options

Verb = Callable[[str, str, str, str], argparse.ArgumentParser]
"""Name, handler, what it does, examples."""
_CONFIG = "configuration (default: %(default)s)"


def add(verb: Verb) -> None:
    """Add them, in this order.

    Args:
        verb: makes the parser of a verb from its name, its handler, what it does, and examples.
    """
    one = verb(
        "check",
        "verb_check:main",
        "say everything that is wrong with configuration, bundle, board, sensors and broker",
        "edge-mm check\nedge-mm check -c /etc/edge-mm/edge-mm.toml --json",
    )
    one.add_argument("-c", "--config", metavar="FILE", default="edge-mm.toml", help=_CONFIG)
    one.add_argument("--json", action="store_true", help="print one JSON object")

    one = verb(
        "rules",
        "verb_rules:main",
        "print presets of limits, the numbers that hold with where each comes from, and which inputs rules need",
        "edge-mm rules\nedge-mm rules --preset driver.addw --preset health.adult_monitor --json",
    )
    one.add_argument("-c", "--config", metavar="FILE", default="edge-mm.toml", help=_CONFIG)
    one.add_argument("--preset", metavar="NAME", action="append", help="instead of the configuration's rules")
    one.add_argument("--changed", action="store_true", help="of the numbers print only those that are not the default")
    one.add_argument("--json", action="store_true", help="print one JSON object")

    one = verb(
        "doctor",
        "verb_doctor:main",
        "say how this machine is, and what to do: permissions, packages, power, heat, clock, disk, memory, broker; "
        "it may run beside the daemon",
        "edge-mm doctor\nedge-mm doctor -c /etc/edge-mm/edge-mm.toml --json",
    )
    one.add_argument("-c", "--config", metavar="FILE", help="configuration (default: edge-mm.toml where there is one)")
    one.add_argument("--json", action="store_true", help="print one JSON object")

    one = verb(
        "tail",
        "verb_tail:main",
        "subscribe to the broker and print alerts as they arrive; those that are active already are not shown",
        "edge-mm tail\nedge-mm tail --host broker.local --username me --json\n"
        "edge-mm tail --device car-7 --device car-8 --priority medium --kind driver",
    )
    add_broker_options(one)
    one.add_argument(
        "--device", metavar="ID", action="append", help="only this device; may be given again (default: all)"
    )
    one.add_argument(
        "--kind",
        metavar="KIND",
        action="append",
        help="only this kind or family (driver, sensor.lost)",
    )
    one.add_argument("--priority", choices=("low", "medium", "high"), help="only of this priority or higher")
    one.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="by priority (default: on a terminal)"
    )
    one.add_argument("--count", metavar="N", type=arguments.whole, help="end after so many alerts")
    one.add_argument("--seconds", metavar="N", type=arguments.positive, help="end after so many seconds")
    one.add_argument("--json", action="store_true", help="print the whole payloads, one line each")

    _dashboard(verb)
    one = verb(
        "bench",
        "verb_bench:main",
        "measure on this board: latency, from the last sample that decides to the message at a subscriber "
        "(a broker of its own on loopback, the outbox on this disk)",
        "edge-mm bench latency\nedge-mm bench latency --count 50 --folder /var/lib/edge-mm --json",
    )
    one.add_argument("what", choices=("latency",), nargs="?", default="latency", help="default: latency")
    one.add_argument("--count", metavar="N", type=arguments.whole, default=200, help="alerts (default: 200, 40 s)")
    one.add_argument("--folder", metavar="DIR", default=".", help="where the outbox is meanwhile (default: here)")
    one.add_argument("--json", action="store_true", help="print one JSON object")

    one = verb(
        "schema",
        "verb_schema:main",
        "print the MQTT contract: JSON Schemas of payloads, or all of it as AsyncAPI 3; without a name, what there is",
        "edge-mm schema\nedge-mm schema alert-event\nedge-mm schema asyncapi > asyncapi.json",
    )
    one.add_argument("name", metavar="NAME", nargs="?", help="which document")

    one = verb(
        "devices",
        "verb_devices:main",
        "list what is plugged in, with the lines to paste into edge-mm.toml",
        "edge-mm devices\nedge-mm devices --scan --seconds 10",
    )
    one.add_argument("--scan", action="store_true", help="also listen for Bluetooth devices in range")
    one.add_argument(
        "--seconds", metavar="N", type=arguments.positive, default=5.0, help="with --scan: how long (default: 5)"
    )
    one.add_argument("--json", action="store_true", help="print one JSON object")

    one = verb(
        "bundle",
        "verb_bundle:main",
        "look into a model bundle, or check that it is whole and runs here",
        "edge-mm bundle inspect driver\nedge-mm bundle verify ./driver-1.0.0.edgemm --json",
    )
    one.add_argument("action", choices=("inspect", "verify"), help="what to do")
    one.add_argument("bundle", metavar="NAME|FILE", help="a shipped bundle's name, or a file")
    one.add_argument("--json", action="store_true", help="print one JSON object")

    one = verb(
        "install-service",
        "verb_service:main",
        "have systemd start it with the board and start it again when it fails; the user is made where there is none",
        "edge-mm install-service --print\nedge-mm install-service --config /etc/edge-mm/edge-mm.toml --user edge-mm",
    )
    one.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default="/etc/edge-mm/edge-mm.toml",
        help="configuration (default: %(default)s)",
    )
    one.add_argument("--user", metavar="NAME", default="edge-mm", help="whose process it is (default: %(default)s)")
    one.add_argument("--root", metavar="DIR", default="/", help="write into an image's root folder and start nothing")
    what = one.add_mutually_exclusive_group()
    what.add_argument("--print", action="store_true", help="print the unit and change nothing; needs no root")
    what.add_argument("--uninstall", action="store_true", help="stop it and remove the unit; outbox and user stay")


def _dashboard(verb: Verb) -> None:
    one = verb(
        "dashboard",
        "verb_dashboard:main",
        "serve a page on which a fleet can be watched and its alerts acknowledged (extra: dashboard)",
        "edge-mm dashboard --broker broker.local   # then open http://127.0.0.1:8080/\n"
        "edge-mm dashboard --password-file logins --add-user anna\n"
        "edge-mm dashboard --broker broker.local --listen 0.0.0.0 --password-file logins "
        "--https-cert c.pem --https-key k.pem",
    )
    add_broker_options(one)
    one.add_argument("--listen", metavar="ADDRESS", default="127.0.0.1", help="where to serve (default: %(default)s)")
    one.add_argument(
        "--http-port", metavar="N", type=arguments.port, default=8080, help="port of the page (default: %(default)s)"
    )
    one.add_argument("--name", metavar="NAME", action="append", default=[], help="a name this machine is reached by")
    one.add_argument("--password-file", metavar="FILE", help="who may log in; needed where others can reach the page")
    one.add_argument("--add-user", metavar="NAME", help="add a login to --password-file, asking for the password")
    one.add_argument("--https-cert", metavar="FILE", help="certificate of the page, PEM")
    one.add_argument("--https-key", metavar="FILE", help="its key, PEM")
