"""A policy that follows a script, and what becomes of its alarm, second by second."""

from timeline import NS

from edge_mm.alerts import Alarms
from edge_mm.alerts.handling import Handlings
from edge_mm.types import Alert, Command, Condition, Reason, Reply, Tick

QUIET = {"*": {"escalate_s": 0}}


class Script:
    """A policy that says at given seconds whether its condition holds."""

    def __init__(self, said, *, priority="high", category="physiological", kind="driver.sleep", latch=False):
        self.said, self.priority, self.category, self.kind, self.latch = said, priority, category, kind, latch

    def update(self, event):
        active = self.said.get(event.t_ns / NS)
        if active is None:
            return []
        reason = Reason("said", {}, "it holds" if active else "it is over")
        one = Condition(
            event.t_ns, self.kind, active, event.t_ns, self.priority, self.category, reason, 1.0, 1.0, "1", self.kind,
            latch=self.latch,
        )  # fmt: skip
        return [one]


def line(script, *, until=200, commands=(), table=None, begin=0):
    """What happens, second by second; commands are (second, action, incident, seconds)."""
    alarms = Alarms([script], handling=Handlings(table))
    return alarms, lived(alarms, begin, until, commands)


def lived(alarms, begin, until, commands=()):
    happened = []
    for second in range(begin, until):
        happened += alarms.update(Tick(second * NS))
        for at, action, incident, seconds in commands:
            if at == second:
                happened += alarms.command(Command(second * NS, action, incident, seconds, by="ann", transaction="t"))
    return happened


def told(happened):
    return [(round(one.t_ns / NS), one.state) for one in happened if isinstance(one, Alert)]


def refused(happened):
    return [one.error for one in happened if isinstance(one, Reply) and one.error]
