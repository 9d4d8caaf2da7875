"""A sender of the Lab Streaming Layer in a process of its own; obeys JSON lines, answers each with one."""

import json
import sys

import pylsl

OUTLETS = {}


def start(name, kind, rate_hz, channels, form="float32"):
    info = pylsl.StreamInfo(name, kind, len(channels), rate_hz, form, f"id of {name}")
    described = info.desc().append_child("channels")
    for label, unit in channels:
        channel = described.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", unit)
    OUTLETS[name] = pylsl.StreamOutlet(info)


def stop(name):
    del OUTLETS[name]


def says(name, rows, ages_s, *, clock_s=None):
    """Rows that were measured so long ago."""
    now_s = pylsl.local_clock() if clock_s is None else clock_s
    assert OUTLETS[name].wait_for_consumers(10.0)
    for row, age_s in zip(rows, ages_s, strict=True):
        OUTLETS[name].push_sample(row, now_s - age_s)


def says_at(name, rows, clock_s):
    """Rows stamped with another clock."""
    says(name, rows, [0.0] * len(rows), clock_s=clock_s)


print("null", flush=True)
for line in sys.stdin:
    what, *words = json.loads(line)
    {"start": start, "stop": stop, "says": says, "says_at": says_at}[what](*words)
    print("null", flush=True)
