"""The ways out beside MQTT: what ``[[sink]]`` and the caller ask for, made and looked after.

In: configurations of sinks, and a user's own. Out: whose rows the outbox keeps; threads that carry alerts to them; what
is told of every output, what is told of alerts at once. Not here: what a sink does (``delivery``, ``nearby``), who
stores (``daemon.keeper``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from edge_mm.daemon.config_sink import GROUP, SinkConfig, no_kind
from edge_mm.daemon.masking import secrets_of_sink, without
from edge_mm.daemon.supervision import News
from edge_mm.delivery.carrier import Carrier, DurableSink
from edge_mm.delivery.due import MQTT
from edge_mm.delivery.log_file import MOST, LogFile
from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.webhook import Webhook
from edge_mm.errors import ConfigError
from edge_mm.kinds import RANK
from edge_mm.protocols import Sink
from edge_mm.types import Alert, Output

if TYPE_CHECKING:
    from edge_mm.nearby.lamp import Lamp
    from edge_mm.nearby.speaker import Speaker

_log = logging.getLogger("edge_mm.sinks")


class Signal(Protocol):
    """An alarm on the spot: a sound, a light."""

    @property
    def title(self) -> str:
        """Its name."""
        ...

    @property
    def report(self) -> dict[str, Any]:
        """For ``bridge/health``."""
        ...

    def send(self, output: Output) -> None:
        """Hear of an alert, at once."""
        ...

    def start(self, tell: Callable[[Any, str], None]) -> None:
        """Begin; ``tell`` hears how it is."""
        ...

    def unheard(self, nobody: bool) -> None:
        """Whether nobody listens at the broker."""
        ...

    def stop(self) -> None:
        """Be quiet and end."""
        ...


class WaysOut:
    """All of one run.

    Args:
        configs: ``[[sink]]``.
        own: objects of the caller's.

    Raises:
        ConfigError: a sink cannot be made.
    """

    def __init__(self, configs: Sequence[SinkConfig], own: Sequence[Sink | DurableSink] = ()) -> None:
        self.best_effort: list[Sink] = []
        """Told of every output; alerts once they are stored."""
        self.signals: list[Signal] = [_signal(one) for one in configs if one.kind in ("sound", "led")]
        """Told of alerts at once: a disk that hangs delays no alarm."""
        self._durable: dict[str, tuple[DurableSink, Callable[[Alert], bool], int]] = {}
        self._hide: dict[str, Callable[[str], str]] = {}
        self._carriers: list[Carrier] = []
        for one in configs:
            if one.kind not in ("sound", "led"):
                kind, sink, wants, most = _made(one)
                self._add(kind, sink, wants, most)
                self._hide[f"{kind}:{getattr(sink, 'name', '')}"] = without(secrets_of_sink(one))
        for sink in own:
            self._add("own", sink, lambda _alert: True, 1)

    def _add(self, kind: str, sink: Sink | DurableSink, wants: Callable[[Alert], bool], most: int) -> None:
        if not hasattr(sink, "deliver"):
            self.best_effort.append(sink)
            return
        if not isinstance(sink, DurableSink):
            raise ConfigError(f"sink {type(sink).__name__}: has deliver() and no name; its rows in the outbox need one")
        key = f"{kind}:{sink.name}"
        if key in self._durable:
            raise ConfigError(f"sink {sink.name}: there are two of this name; give each its own")
        self._durable[key] = (sink, wants, most)

    @property
    def keys(self) -> tuple[str, ...]:
        """Whose rows the outbox keeps."""
        return (MQTT, *self._durable)

    @property
    def parts(self) -> frozenset[str]:
        """Names of the parts that tell how they are, without the ``@``."""
        return frozenset(f"sink_{key.partition(':')[2]}" for key in self._durable) | {
            f"sink_{one.title}" for one in self.signals
        }

    def start(self, outbox: Outbox, news: News, *, base_topic: str) -> None:
        """Begin to carry; signals hear which alarms are active."""
        for key, (sink, wants, most) in self._durable.items():
            tell = news.of(f"@sink_{key.partition(':')[2]}")
            hide = self._hide.get(key, str)
            carrier = Carrier(key, sink, outbox, base_topic=base_topic, tell=tell, wants=wants, most=most, hide=hide)
            self._carriers.append(carrier)
            carrier.start()
        for signal in self.signals:
            for record in outbox.states():
                signal.send(record.alert)
            signal.start(news.of(f"@sink_{signal.title}"))

    def at_once(self, alert: Alert) -> None:
        """An alert has come into being."""
        for signal in self.signals:
            signal.send(alert)

    def wake(self) -> None:
        """Alerts have been stored."""
        for carrier in self._carriers:
            carrier.wake()

    def look_after(self, now_s: float, *, unheard: bool) -> None:
        """Called a few times a second.

        Args:
            now_s: the present.
            unheard: the broker is away, or alerts cannot be stored.
        """
        for carrier in self._carriers:
            carrier.look_after(now_s)
        for signal in self.signals:
            signal.unheard(unheard)

    @property
    def report(self) -> dict[str, Any]:
        """For ``bridge/health``, by name."""
        return {one.key: one.report for one in self._carriers} | {one.title: one.report for one in self.signals}

    def stop(self, *, timeout_s: float) -> None:
        """Deliver what can be delivered in this time, all together; be quiet."""
        by_s = time.monotonic() + timeout_s
        for carrier in self._carriers:
            carrier.end(timeout_s=timeout_s)
        for signal in self.signals:
            signal.stop()
        for carrier in self._carriers:
            if not carrier.stop(timeout_s=max(0.1, by_s - time.monotonic())):
                _log.warning("alerts that wait for %s; the next start delivers them", carrier.key)
        for sink, _wants, _most in self._durable.values():
            if callable(close := getattr(sink, "close", None)):
                close()


def _made(one: SinkConfig) -> tuple[str, Sink | DurableSink, Callable[[Alert], bool], int]:
    """Kind, sink, what it wants, how many at a time."""
    wants = _filter(one)
    if one.kind == "log":
        made = LogFile(one.path, name=one.title, max_bytes=round(one.max_mib * 2**20), keep=one.keep)
        return "log", made, wants, MOST
    if one.kind == "webhook":
        return "webhook", webhook_of(one), wants, 1
    return one.kind, _plugged_in(one), wants, 1


def webhook_of(one: SinkConfig) -> Webhook:
    """Who posts."""
    return Webhook(one.url, name=one.title, headers=one.headers, timeout_s=one.timeout_s, tls_ca=one.tls_ca)


def plug_in(one: SinkConfig) -> Callable[[str, dict[str, Any]], Any]:
    """The factory of an installed plug-in.

    Raises:
        ConfigError: there is none of this name, or it does not load.
    """
    found = list(entry_points(group=GROUP, name=one.kind))
    if not found:
        raise ConfigError(f"sink {one.title}: {no_kind(one.kind)}")
    try:
        factory = found[0].load()
    except Exception as error:  # somebody else's code
        raise _broken(one, found[0].value, error) from error
    if not callable(factory):
        raise ConfigError(f"sink {one.title}: its plug-in {found[0].value} is no factory of sinks")
    return factory  # type: ignore[no-any-return]


def _broken(one: SinkConfig, value: str, error: Exception) -> ConfigError:
    text = without(secrets_of_sink(one))(f"{type(error).__name__}: {error}")
    return ConfigError(f"sink {one.title}: its plug-in {value}: {text}")


def _plugged_in(one: SinkConfig) -> Sink | DurableSink:
    factory = plug_in(one)
    value = f"{getattr(factory, '__module__', '')}:{getattr(factory, '__qualname__', one.kind)}"
    try:
        made = factory(one.title, dict(one.options))
    except ConfigError:
        raise
    except Exception as error:  # somebody else's code
        raise _broken(one, value, error) from error
    if not (hasattr(made, "send") or isinstance(made, DurableSink)):
        raise ConfigError(f"sink {one.title}: its plug-in {value} gives neither send() nor deliver() and name")
    return made  # type: ignore[no-any-return]


def _filter(one: SinkConfig) -> Callable[[Alert], bool]:
    least, kinds = RANK[one.min_priority], one.kinds

    def wants(alert: Alert) -> bool:
        named = not kinds or any(alert.kind == kind or alert.kind.startswith(f"{kind}.") for kind in kinds)
        return named and RANK[alert.priority] >= least

    return wants


def speaker_of(one: SinkConfig) -> Speaker:
    """What sounds."""
    from edge_mm.nearby.speaker import Speaker

    return Speaker(one.device, volume=one.volume)


def lamp_of(one: SinkConfig) -> Lamp:
    """What flashes."""
    from edge_mm.nearby.lamp import Lamp

    return Lamp({"high": one.high, "medium": one.medium, "low": one.low})


def _signal(one: SinkConfig) -> Signal:
    from edge_mm.nearby.signal import NearbySignal

    device = speaker_of(one) if one.kind == "sound" else lamp_of(one)
    return NearbySignal(one.title, device, always=one.when == "always")
