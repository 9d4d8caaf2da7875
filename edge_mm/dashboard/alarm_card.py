"""One alarm on the page: how urgent, why, since when, on which senses it rests, and the buttons that answer it.

In: an ``Alarm``. Out: a card that follows it. Not here: which alarms are shown (``alarm_list``).
"""

from __future__ import annotations

import time

from edge_mm.dashboard.charts import Share, bars_svg
from edge_mm.dashboard.device import Alarm
from edge_mm.dashboard.elements import Words, attribute, box, button, look, picture
from edge_mm.dashboard.viewer import Viewer
from edge_mm.dashboard.wording import SIGN, alarm_named, sentence, share, since, standing
from edge_mm.kinds import SILENCE_S


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
        self.show(alarm, online=True, wall_s=time.time())

    def show(self, alarm: Alarm, *, online: bool, wall_s: float) -> None:
        """It stands so now."""
        self._alarm = alarm
        state, zone = alarm.state, self._viewer.zone
        self._when.say(since(state, zone, wall_s))
        if self._shown == (state, online, zone):
            return
        self._shown = (state, online, zone)
        answered = " answered" if alarm.answered else ""
        look(self.root, f"alarm {state.priority}{answered}{'' if online else ' old'}")
        self._priority.say(f"{SIGN[state.priority]} {state.priority.capitalize()}")
        self._name.say(("" if self._shares else f"{self._device} · ") + alarm_named(state))
        self._reason.say(sentence(state.reason))
        self._state.say(standing(state, zone) + ("" if online else "; not connected to it, this may be old"))
        if self._shares:
            self._shares.show(alarm)
        # Not ``disabled``: that would take the focus from whoever has just pressed it.
        attribute(self._seen, "aria-disabled", "true" if state.state == "acknowledged" else None)
        attribute(self._quiet, "aria-disabled", None if alarm.silences else "true")

    def _acknowledge(self) -> None:
        state = self._alarm.state
        if state.state == "acknowledged":
            return
        self._viewer.acknowledge(self._device, state.incident_id, alarm_named(state))

    def _silence(self) -> None:
        state = self._alarm.state
        if not self._alarm.silences:
            return
        self._viewer.silence(self._device, state.incident_id, alarm_named(state), SILENCE_S[state.priority])


_SHARES: tuple[Share, ...] = ("contribution", "attention", "quality")


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
                named = zip(_SHARES, values, strict=True)
                known = {name: value for name, value in named if value is not None}
                words = {name: f"{name} {share(value)}" for name, value in known.items()}
                with box("dd"):
                    picture(f"{sense}: {', '.join(words.values())}", "bars").set_content(bars_svg(known))
                    with box("span", "numbers", aria_hidden="true"):
                        for name, text in words.items():
                            Words("span", text, f"key {name}")
