"""One alarm on the page: how urgent, why, since when, on which senses it rests, and the buttons that answer it.

In: an ``Alarm``. Out: a card that follows it. Not here: which alarms are shown (``alarm_list``).
"""

from __future__ import annotations

from edge_mm.dashboard.asking import SILENCE_S
from edge_mm.dashboard.charts import bars_svg
from edge_mm.dashboard.device import Alarm
from edge_mm.dashboard.elements import Words, attribute, box, button, look, picture
from edge_mm.dashboard.viewer import Viewer
from edge_mm.dashboard.wording import SIGN, alarm_named, clock_time, share, standing


class AlarmCard:
    """A list item; rebuilt for another incident by whoever holds it.

    Args:
        viewer: whose page it is.
        device: whose alarm.
        alarm: as it is now.
        full: with the senses' shares.
    """

    def __init__(self, viewer: Viewer, device: str, alarm: Alarm, *, full: bool) -> None:
        self._viewer, self._device, self._alarm = viewer, device, alarm
        self.root = box("li")
        with self.root:
            with box("div", "alarm-head"):
                self._priority = Words("span", "", "chip")
                self._name = Words("h3")
            self._reason = Words("p", "", "reason")
            self._state = Words("p", "", "standing")
            self._when = Words("p", "", "when")
            self._shares = _Shares() if full else None
            with box("div", "answers"):
                name = f"{device}: {alarm_named(alarm.state)}"
                self._seen = button("Acknowledge", self._acknowledge, "seen", aria_label=f"Acknowledge {name}")
                minutes = SILENCE_S[alarm.state.priority] / 60
                words = f"Silence {minutes:g} min"
                self._quiet = button(words, self._silence, "quiet", aria_label=f"{words}: {name}")
        self._shown: object = None
        self.show(alarm, online=True)

    def show(self, alarm: Alarm, *, online: bool) -> None:
        """It stands so now."""
        self._alarm = alarm
        state, zone = alarm.state, self._viewer.zone
        if self._shown == (state, online, zone):
            return
        self._shown = (state, online, zone)
        answered = " answered" if alarm.answered else ""
        look(self.root, f"alarm {state.priority}{answered}{'' if online else ' old'}")
        self._priority.say(f"{SIGN[state.priority]} {state.priority.capitalize()}")
        self._name.say(("" if self._shares else f"{self._device} · ") + alarm_named(state))
        self._reason.say(state.reason[:1].upper() + state.reason[1:])
        self._state.say(standing(state, zone) + ("" if online else "; not connected to it, this may be old"))
        clock = "" if state.clock_synced else " (its clock is not set)"
        self._when.say(f"Since {clock_time(state.onset or state.since, zone)}{clock}")
        if self._shares:
            self._shares.show(alarm)
        attribute(self._seen, "disabled", True if state.state == "acknowledged" else None)

    def _acknowledge(self) -> None:
        state = self._alarm.state
        self._viewer.acknowledge(self._device, state.incident_id, alarm_named(state))

    def _silence(self) -> None:
        state = self._alarm.state
        self._viewer.silence(self._device, state.incident_id, alarm_named(state), SILENCE_S[state.priority])


class _Shares:
    """A row of bars for each sense: what the score falls without it, attention, quality."""

    def __init__(self) -> None:
        self._place = box("dl", "shares", aria_label="What it rests on")
        self._rows: dict[str, tuple[float | None, ...]] = {}

    def show(self, alarm: Alarm) -> None:
        """The shares are these now."""
        state = alarm.state
        tables = (state.contribution, state.attention, state.quality)
        senses = [one for one in dict.fromkeys(s for t in tables for s in t) if any(t.get(one) for t in tables)]
        rows = {one: tuple(t.get(one) for t in tables) for one in senses[:7]}
        if rows == self._rows:
            return
        self._rows = rows
        self._place.clear()
        with self._place:
            for sense, values in rows.items():
                Words("dt", sense.capitalize())
                texts = zip(("contribution", "attention", "quality"), values, strict=True)
                words = ", ".join(f"{name} {share(value)}" for name, value in texts)
                with box("dd"):
                    picture(f"{sense}: {words}", "bars").set_content(bars_svg(values))
                    Words("span", words, "numbers", aria_hidden="true")
