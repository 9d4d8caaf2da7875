"""Boot a guest per suite and run the suite in it, as many guests at a time as there are cores to share.

In: what ``build.sh`` made, and names of suites (``camera`` is ``suites/test_camera.py``; none means all). Out: each
test's outcome as it happens, a dated report on stdout and in a folder; exit status 0 when all passed, 1 with the failed
ones, 2 for a name that is no suite. A guest that hangs is killed and has failed. Not here: the guest's first process
(``init.sh``), what the tests load (``kernel``).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "guest"
SYSTEMD = {"systemd", "clock"}
"""Suites that need systemd as the guest's first process."""
AT_BOOT = {"clock": "1970-01-01 00:00:10"}
"""Suites whose service is installed before systemd starts, so that it starts at boot -> what the clock says then."""
LONGEST_FIRST = ("faults", "systemd", "clock", "ble_source", "ble", "sound")
LIMIT_S = 600
"""Longest life of one guest: twice what the longest suite took on two cores with a load of six."""
HANGS_S = 180
"""A test that takes so long hangs: the console then shows where, in Python and in the kernel. The longest waits for a
daemon, a broker and all sensors to come back, emulated: a minute and a half."""
GUEST_MIB = 1024
_PRINTING = threading.Lock()
_STOPPED = threading.Event()


@dataclass
class Boot:
    """One guest's life."""

    suite: str
    began: float = field(default_factory=time.monotonic)
    booted_s: float | None = None
    tests: list[dict[str, Any]] = field(default_factory=list)
    status: int | None = None
    """pytest's exit status; None where the guest ended before pytest."""
    lasted_s: float = 0.0
    trouble: str = ""
    console: str = ""

    @property
    def passed(self) -> bool:
        return self.status == 0 and bool(self.tests) and all(test["outcome"] == "passed" for test in self.tests)

    def hear(self, record: dict[str, Any]) -> None:
        """Take one line of what the guest writes."""
        if "booted" in record:
            self.booted_s = time.monotonic() - self.began
            say(f"{self.suite}: booted after {self.booted_s:.0f} s")
        elif "finished" in record:
            self.status = int(record["finished"])
        else:
            self.tests.append(record)
            say(f"{self.suite}: {record['outcome']} {record['test']} ({record['s']:.1f} s)")
            for fault, what, seconds, limit_s in record.get("seen", ()):
                say(f"{self.suite}:   {fault}: {what} after {seconds:.1f} s (a board: at most {limit_s:g} s)")


def say(text: str) -> None:
    """One line on stdout, whole also when several guests speak."""
    with _PRINTING:
        print(text, flush=True)


def known_suites() -> list[str]:
    names = [path.stem.removeprefix("test_") for path in sorted((HERE / "suites").glob("test_*.py"))]
    return sorted(names, key=lambda name: LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST))


def qemu(out: Path) -> list[str]:
    """The machine: no disk, no network, the host's files read-only and one folder to write to.

    One processor: two cost twice the time of the host's for the same tests.
    """
    console = "console=ttyS0 quiet panic=-1 mitigations=off edd=off no_timer_check systemd.show_status=0"
    return [
        *("qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1"),
        *("-m", str(GUEST_MIB), "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-kernel", str(BUILD / "vmlinuz"), "-initrd", str(BUILD / "initrd.gz"), "-append", console),
        *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
        *("-virtfs", f"local,path={out},mount_tag=out,security_model=none"),
        *("-device", "virtio-rng-pci"),
    ]


def write_plan(out: Path, suite: str) -> None:
    """What ``init.sh`` reads, and the command that it runs in the guest."""
    mode = "systemd" if suite in SYSTEMD else "plain"
    clock = AT_BOOT.get(suite, "")
    (out / "plan.sh").write_text(f"BUILD={shlex.quote(str(BUILD))}\nMODE={mode}\nCLOCK={shlex.quote(clock)}\n")
    inside = {
        "HOME": "/root",
        "TMPDIR": "/run/tmp",
        "LANG": "C.UTF-8",
        "EDGE_MM_GUEST": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        **{key: value for key, value in os.environ.items() if key == "EDGE_MM_BACKEND"},
    }
    pytest = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:hypothesispytest", "-vvv", "--color=no"]
    pytest += ["-o", f"faulthandler_timeout={HANGS_S}", "-o", "console_output_style=classic"]
    pytest += [f"--confcutdir={HERE}", str(HERE / "suites" / f"test_{suite}.py")]
    settings = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in inside.items())
    (out / "prepare.sh").write_text(f"{settings}exec {shlex.join([sys.executable, str(HERE / 'service.py')])}\n")
    (out / "guest.sh").write_text(
        "echo '{\"booted\": true}' >>/out/outcomes.jsonl\n"
        f"(sleep {HANGS_S}; echo 8 >/proc/sys/kernel/printk; echo w >/proc/sysrq-trigger) &\n"
        + settings
        + f"cd {shlex.quote(str(ROOT))}\n{shlex.join(pytest)}\n"
        + 'echo "{\\"finished\\": $?}" >>/out/outcomes.jsonl\nsync\n'
    )


def run(suite: str, limit_s: float) -> Boot:
    """One guest from its start to its end."""
    boot = Boot(suite)
    with tempfile.TemporaryDirectory(prefix="edge-mm-guest-") as folder:
        out = Path(folder)
        write_plan(out, suite)
        outcomes = out / "outcomes.jsonl"
        outcomes.touch()
        console = out / "console.log"
        with console.open("wb") as log, outcomes.open() as lines:
            guest = subprocess.Popen(qemu(out), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            try:
                while True:
                    ended = guest.poll() is not None
                    for line in whole_lines(lines):
                        boot.hear(json.loads(line))
                    if ended or boot.status is not None:  # nothing in the guest is worth an orderly end
                        break
                    if time.monotonic() - boot.began > limit_s:
                        boot.trouble = f"the guest was killed after {limit_s:.0f} s"
                        break
                    if _STOPPED.is_set():
                        boot.trouble = "stopped"
                        break
                    time.sleep(0.2)
            finally:
                guest.kill()
                guest.wait()
        boot.console = console.read_text(errors="replace")
    boot.lasted_s = time.monotonic() - boot.began
    if boot.status is None:
        boot.trouble = boot.trouble or "the guest ended before its tests did"
    elif not boot.tests:
        boot.trouble = f"no test ran (pytest's exit status {boot.status})"
    elif boot.status and boot.passed:
        boot.trouble = f"pytest ended with {boot.status}"
    return boot


def whole_lines(stream: Any) -> list[str]:
    """The complete lines that were not read yet."""
    lines = []
    while True:
        at = stream.tell()
        line = stream.readline()
        if not line.endswith("\n"):
            stream.seek(at)
            return lines
        lines.append(line)


def report(boots: list[Boot], wall_s: float) -> str:
    """The outcomes as Markdown."""
    tests = [test for boot in boots for test in boot.tests]
    bad = [test for test in tests if test["outcome"] != "passed"]
    lost = sum(not boot.passed for boot in boots)
    text = [
        f"# Devices of a kernel in a guest, {dt.datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        "",
        f"{len(tests)} tests in {len(boots)} guests, {wall_s:.0f} s; not passed: {len(bad)} tests, {lost} guests. "
        "The kernel's drivers and our sources are the real ones; what is behind the drivers is emulated "
        "(tests/guest/README.md).",
        "",
        "| suite | booted | lasted | tests | outcome |",
        "|---|---|---|---|---|",
    ]
    for boot in boots:
        booted = "never" if boot.booted_s is None else f"{boot.booted_s:.0f} s"
        outcome = boot.trouble or ("passed" if boot.passed else "failed")
        text.append(f"| {boot.suite} | {booted} | {boot.lasted_s:.0f} s | {len(boot.tests)} | {outcome} |")
    text += ["", "| test | outcome | took |", "|---|---|---|"]
    text += [f"| {test['test']} | {test['outcome']} | {test['s']:.1f} s |" for test in tests]
    if seen := [row for test in tests for row in test.get("seen", ())]:
        text += ["", "| fault | what | seconds, emulated | limit on a board |", "|---|---|---|---|"]
        text += [f"| {fault} | {what} | {seconds:.1f} | {limit_s:g} |" for fault, what, seconds, limit_s in seen]
    for boot in boots:
        for test in boot.tests:
            if test["outcome"] != "passed":
                text += ["", f"## {boot.suite}: {test['test']}", "", "```", test["text"].rstrip(), "```"]
        if boot.trouble:
            tail = "\n".join(boot.console.replace("\r", "").splitlines()[-60:])
            text += ["", f"## {boot.suite}: {boot.trouble}", "", "```", tail, "```"]
    return "\n".join(text) + "\n"


def main() -> int:
    """Run the suites that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", help="names of suites; all where none is given")
    parser.add_argument("--jobs", type=int, default=max(1, min(2, os.cpu_count() or 1)), help="guests at a time")
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="longest life of one guest")
    parser.add_argument("--reports", type=Path, default=ROOT / "reports")
    args = parser.parse_args()
    known = known_suites()
    if unknown := sorted(set(args.suites) - set(known)):
        print(f"edge-mm: no suite {', '.join(unknown)}; there are {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: _STOPPED.set())
    signal.signal(signal.SIGINT, lambda *_: _STOPPED.set())
    began = time.monotonic()
    with futures.ThreadPoolExecutor(args.jobs) as pool:
        wanted = [name for name in known if name in args.suites or not args.suites]
        boots = list(pool.map(lambda name: run(name, args.limit_s), wanted))
    text = report(boots, time.monotonic() - began)
    args.reports.mkdir(exist_ok=True)
    path = args.reports / f"devices-{dt.datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}.md"
    path.write_text(text)
    for boot in boots:
        if not boot.passed:  # what a person needs who looks into it; too long for the report
            path.with_name(f"{path.stem}-{boot.suite}.log").write_text(boot.console)
    print(f"\n{text}\nedge-mm: report in {path}")
    return 0 if all(boot.passed for boot in boots) else 1


if __name__ == "__main__":
    sys.exit(main())
