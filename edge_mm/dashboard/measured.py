"""What a device measures, in pieces of its view: readings, waveforms, time lines, fused scores, sensors.

In: a device. Out: sections that follow it, hidden while there is nothing in them. Not here: drawing (``charts``).
"""

from __future__ import annotations

from nicegui import ui

from edge_mm.dashboard.charts import Share, bars_svg, line_svg, wave_svg
from edge_mm.dashboard.device import AWAY_PITCH_DEG, AWAY_YAW_DEG, DRAWN, FACE, Device
from edge_mm.dashboard.elements import Words, attribute, box, look, picture
from edge_mm.dashboard.wording import age, named, share, unit_of, valued


class Section:
    """A titled part of the page."""

    def __init__(self, key: str, title: str, tag: str, classes: str) -> None:
        self.root = box("section", f"part-{key}", aria_labelledby=f"{key}-title")
        with self.root:
            Words("h3", title, id=f"{key}-title")
            self.place = box(tag, classes)
        self.rows: tuple[object, ...] = ()
        self.root.set_visibility(False)

    def show(self, device: Device, now_s: float, *, linked: bool, second: bool) -> None:
        """Show what changed.

        Args:
            device: whose.
            now_s: monotonic seconds.
            linked: whether values come at all.
            second: a second has passed: ages are to be looked at too.
        """
        raise NotImplementedError

    def begins(self, rows: list[object]) -> bool:
        """Whether there are other rows than before; the place is empty then."""
        self.root.set_visibility(bool(rows))
        if tuple(rows) == self.rows:
            return False
        self.rows = tuple(rows)
        self.place.clear()
        return True


class Readings(Section):
    """The latest value of each reading with unit and quality."""

    def __init__(self) -> None:
        super().__init__("vitals", "Readings", "ul", "readings")
        self._made: dict[object, tuple[ui.element, Words, Words, Words]] = {}

    def show(self, device: Device, now_s: float, *, linked: bool, second: bool) -> None:
        """They are so now."""
        rows = {(sensor.name, name): (sensor, reading) for sensor, name, reading in device.vitals()}
        if self.begins(list(rows)):
            self._made = {}
            with self.place:
                for key in rows:
                    with box("li", "reading") as root:
                        Words("span", named(key[1]), "name")
                        with box("div", "value"):
                            value, unit = Words("b"), Words("span", "", "unit")
                        self._made[key] = root, value, unit, Words("span", "", "from")
        for key, (sensor, reading) in rows.items():
            root, value, unit, source = self._made[key]
            old = not linked or sensor.stale(now_s)
            poor = reading.quality is not None and reading.quality < 0.25
            look(root, f"reading{' old' if old else ''}{' poor' if poor else ''}")
            value.say(valued(reading))
            unit.say(unit_of(reading))
            words = [sensor.name, "" if reading.quality is None else f"quality {share(reading.quality)}", reading.label]
            if old and sensor.heard_s is not None:
                words.append(f"{age(now_s - sensor.heard_s)} ago")
            source.say(", ".join(filter(None, words)))


class Waves(Section):
    """The last seconds of each signal that comes."""

    def __init__(self) -> None:
        super().__init__("waves", "Waveforms", "div", "waves")
        self._made: dict[object, tuple[ui.html, Words]] = {}
        self._drawn: dict[object, float] = {}

    def show(self, device: Device, now_s: float, *, linked: bool, second: bool) -> None:
        """They are so now."""
        rows = {sensor.name: sensor.wave for sensor in device.sensors.values() if sensor.wave is not None}
        if self.begins(list(rows)):
            self._made, self._drawn = {}, {}
            with self.place:
                for name in rows:
                    with box("figure"):
                        caption = Words("figcaption")
                        self._made[name] = picture(f"Waveform of {name}", "wave"), caption
        for name, wave in rows.items():
            drawing, caption = self._made[name]
            old = not linked or now_s - wave.heard_s > 3
            look(drawing, f"picture wave{' old' if old else ''}")
            caption.say(
                f"{name}, {wave.unit}, {wave.rate_hz:g} Hz" + (f", {age(now_s - wave.heard_s)} ago" if old else "")
            )
            if self._drawn.get(name) != wave.heard_s:
                self._drawn[name] = wave.heard_s
                drawing.set_content(wave_svg(wave))


class Lines(Section):
    """What the camera read over the last minutes."""

    def __init__(self) -> None:
        super().__init__("lines", "Seen by the camera, last 5 minutes", "dl", "lines")
        with self.root:
            Words(
                "p",
                f"Looking away here: head turned over {AWAY_YAW_DEG:g}° aside or {AWAY_PITCH_DEG:g}° up or down. "
                "The device's own rule may be set otherwise.",
                "remark",
            )
        self._made: dict[object, tuple[ui.html, Words]] = {}

    def show(self, device: Device, now_s: float, *, linked: bool, second: bool) -> None:
        """They are so now; drawn once a second."""
        lines = {
            (sensor.name, what): sensor.lines[what]
            for sensor in device.sensors.values()
            for what in DRAWN
            if what in sensor.lines and sensor.lines[what].recent(now_s)
        }
        if self.begins(list(lines)):
            self._made = {}
            with self.place:
                for sensor, what in lines:
                    several = len({name for name, _ in lines}) > 1
                    Words("dt", named(what) + (f" ({sensor})" if several else ""))
                    with box("dd"):
                        self._made[sensor, what] = (
                            picture("", "line face" if what == FACE else "line"),
                            Words("span", "", "now"),
                        )
        elif not second:
            return
        for key, line in lines.items():
            drawing, words = self._made[key]
            *_, (at_s, value, _) = line.since(0.0)
            now = "yes" if value >= 0.5 else "no"
            text = now if now_s - at_s < 5 else f"{now}, {age(now_s - at_s)} ago"
            words.say(text)
            points = list(line.since(now_s - 300.0))
            often = sum(point[1] >= 0.5 for point in points) / max(1, len(points))
            attribute(drawing, "aria-label", f"{named(key[1])}: {text}; {share(often)} of the last 5 minutes")
            drawing.set_content(line_svg(line, now_s))


class Fused(Section):
    """What the senses say together, and how much weight each has."""

    def __init__(self) -> None:
        super().__init__("fused", "All senses together", "dl", "shares")
        self._made: dict[object, tuple[ui.html, Words]] = {}

    def show(self, device: Device, now_s: float, *, linked: bool, second: bool) -> None:
        """They are so now."""
        rows: dict[str, dict[Share, float | None]] = {}
        old = not linked
        for person, (heard_s, said) in device.fusion.items():
            old = old or now_s - heard_s > 10
            who = f" ({person})" if person else ""
            rows |= {f"{named('x_' + head)}{who}": {"score": value} for head, value in said.scores.items()}
            for sense in dict.fromkeys((*said.weights, *said.quality)):
                rows[f"Attention to {sense}{who}"] = {
                    "attention": said.weights.get(sense), "quality": said.quality.get(sense)
                }  # fmt: skip
        if self.begins(list(rows)):
            self._made = {}
            with self.place:
                for name in rows:
                    Words("dt", name)
                    with box("dd"):
                        self._made[name] = picture("", "bars fusion"), Words("span", "", "numbers", aria_hidden="true")
        look(self.place, f"shares{' old' if old else ''}")
        for name, values in rows.items():
            drawing, words = self._made[name]
            text = ", ".join(
                f"quality {share(value)}" if what == "quality" else share(value) for what, value in values.items()
            )
            if words.text != text:
                words.say(text)
                attribute(drawing, "aria-label", f"{name}: {text}")
                drawing.set_content(bars_svg(values))


class Sensors(Section):
    """Whether each sensor is there, and how good its signal is."""

    def __init__(self) -> None:
        super().__init__("sensors", "Sensors", "ul", "sensors")
        self._made: dict[object, tuple[ui.element, Words, ui.html, Words]] = {}

    def show(self, device: Device, now_s: float, *, linked: bool, second: bool) -> None:
        """They are so now."""
        rows = list(device.sensors)
        if self.begins(list(rows)):
            self._made = {}
            with self.place:
                for name in rows:
                    stream = device.stream(name)
                    with box("li") as root:
                        Words("b", name + (f" · {stream.kind}" if stream else ""))
                        self._made[name] = root, Words("span"), picture("", "bars quality"), Words("span", "", "detail")
        for name, sensor in device.sensors.items():
            root, state, drawing, detail = self._made[name]
            there = sensor.availability
            sign = {"online": "● online", "stale": "◐ stale", "offline": "○ offline"}
            look(root, "old" if not linked or sensor.stale(now_s) else "")
            state.say("? unknown" if there is None or not linked else sign[there.state])
            quality = sensor.quality
            words = [] if quality is None else [f"quality {share(quality)}"]
            if there is not None and there.detail:
                words.append(there.detail)
            if sensor.heard_s is not None and now_s - sensor.heard_s > 5:
                words.append(f"values of {age(now_s - sensor.heard_s)} ago")
            text = ", ".join(words)
            if detail.text != text:
                detail.say(text)
                attribute(drawing, "aria-label", f"Quality of {name}: {share(quality)}")
                drawing.set_content("" if quality is None else bars_svg({"quality": quality}))
