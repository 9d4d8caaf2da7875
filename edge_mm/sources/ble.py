"""Belts, oximeters, cuffs and thermometers over Bluetooth Low Energy.

In: part of a device's name or its address, and which of its readings are wanted. Out: one Sample per reading, stamped
when its packet came. BlueZ is asked by way of bleak, whose event loop runs inside ``open`` and ``read``: no thread of
its own. Each ``open`` scans, connects and subscribes anew. Not here: finding it (``ble_find``), packets (``gatt``),
what went wrong in words (``ble_words``), opening again (the daemon).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from edge_mm.errors import ConfigError, SourceError, SourceLost
from edge_mm.kinds import TRIPLES
from edge_mm.protocols import Halt
from edge_mm.sources.ble_find import chosen, find
from edge_mm.sources.ble_words import NotInRange, explained, load_bleak
from edge_mm.sources.gatt import KINDS, Characteristic, Decoded, MalformedPacket
from edge_mm.sources.reading_units import UNIT_OF_READING
from edge_mm.sources.recent import Recent
from edge_mm.sources.unproven import Unproven
from edge_mm.sources.wanted import Wanted
from edge_mm.types import NS_PER_S, Sample, StreamSpec

T = TypeVar("T")
_LOOK_S = 0.5
_SETTLED_S = 2.0
"""A cuff sends all measurements that it has kept, one after the other: after so long the last has come."""
_FAREWELL_S = 3.0
_CATCH_UP_S = 0.1
"""What BlueZ has said while the loop stood still (the adapter is on again) is heard before anything is asked."""


class BleDevice:
    """A device with one or more of the Bluetooth SIG's services for a heart rate, SpO2, blood pressure, temperature.

    Args:
        address: part of its name, in any case, or its address (``C0:11:22:33:44:55``).
        wanted: its streams.
        scan_s: longest scan for it.
        connect_s: longest wait for the connection and its services.
        stall_s: a device that speaks all the time and says nothing for so long is lost; None: 10 s, or twice the
            ``stale_s`` that is wanted.
        kept: Samples that wait for their reader; of a belt, minutes. Beyond that the oldest is dropped.

    Raises:
        ConfigError: it cannot give what is wanted; the text says what it can.
    """

    live = True
    retry_s = 1.0
    """A belt that is back is live after this, a scan and a connection."""

    def __init__(
        self,
        address: str,
        wanted: Sequence[Wanted],
        *,
        scan_s: float = 10.0,
        connect_s: float = 15.0,
        stall_s: float | None = None,
        kept: int = 256,
    ) -> None:
        self._address = address.strip()
        self._label = f"Bluetooth device {self._address!r}"
        _check(self._address, self._label, wanted)
        self._wanted = tuple(wanted)
        self.name = wanted[0].name
        self._unproven = Unproven("Bluetooth has been tried with emulated devices only, never with a real one")
        self.streams = tuple(one.name for one in wanted)
        self.specs: tuple[StreamSpec, ...] = ()
        self._scan_s, self._connect_s, self._stall_s = scan_s, connect_s, stall_s
        self._counts = Counter({"bad_packets": 0, "old_packets": 0, "dropped": 0})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Any = None
        self._halt: Halt = threading.Event()
        self._listened: tuple[Characteristic, ...] = ()
        self._ready: deque[Sample] = deque(maxlen=kept)
        self._kept: dict[str, tuple[Decoded, int]] = {}  # dated measurements, of which only the newest counts
        self._gone = False
        self._news = asyncio.Event()
        self._heard_s = 0.0
        self._recent = Recent()

    @property
    def counters(self) -> Mapping[str, int]:
        """``bad_packets``; ``old_packets``: measurements that a newer one followed at once; ``dropped``."""
        return dict(self._counts)

    @property
    def trouble(self) -> str:
        """Why it works badly now."""
        return (
            f"a third of the packets of {self._label} cannot be read; switch it off and on" if self._recent.poor else ""
        )

    @property
    def _steady(self) -> bool:
        """Whether silence is a fault."""
        return any(one.steady for one in self._listened)

    def open(self) -> StreamSpec:
        """Find it, connect, subscribe.

        Raises:
            SourceError: no bleak, no BlueZ, no adapter or one that is off, no permission, nothing of that name in
                range, it gives nothing of what is wanted; the text says what to do.
        """
        self.close()
        load_bleak()
        self._unproven.say(self.name)
        self._ready.clear()
        self._kept.clear()
        self._recent = Recent()
        self._connect()
        self.specs = tuple(self._spec(one) for one in self._wanted)
        return self.specs[0]

    def read(self) -> Sample | None:
        """Block until the device says something.

        A cuff or a thermometer that ends the connection after a measurement is waited for, in here, for its
        ``stale_s``.

        Raises:
            SourceLost: the connection ended, or a device that speaks all the time fell silent.
        """
        if not self.specs:
            raise SourceLost(f"{self._label} is not open; call open() first.")
        while not self._halt.is_set():
            self._settle(at_once=self._gone)
            if self._ready:
                return self._ready.popleft()
            silent_s = time.monotonic() - self._heard_s
            if self._gone:
                self._wait_for_its_return(silent_s)
            elif silent_s > self._patience_s and self._steady:
                raise SourceLost(
                    f"{self._label} said nothing for {self._patience_s:g} s though connected; check that it is worn "
                    "and its battery is good."
                )
            else:
                self._run(self._listen())
        return None

    def heed(self, halt: Halt) -> None:
        """``read`` returns None once this is set; see ``protocols.Heedful``."""
        self._halt = halt

    def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        self.specs = ()
        self._leave(client)

    @property
    def _patience_s(self) -> float:
        if self._stall_s is not None:
            return self._stall_s
        return max(10.0, *(2 * (one.stale_s or 0.0) for one in self._wanted))

    def _wait_for_its_return(self, silent_s: float) -> None:
        """One attempt to find a cuff again that has ended the connection; a belt's is lost at once."""
        patience_s = max(spec.stale_s for spec in self.specs)
        if self._steady:
            raise SourceLost(f"{self._label} ended the connection; is it worn, in range, its battery good?")
        if silent_s > patience_s:
            raise SourceLost(f"{self._label} gave no measurement for {patience_s:g} s; take one.")
        try:
            self._connect()
        except NotInRange:
            return
        except SourceError as error:
            raise SourceLost(str(error)) from None

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(work)

    async def _listen(self) -> None:
        self._news.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._news.wait(), _LOOK_S)

    def _connect(self) -> None:
        """Find, connect, subscribe; whatever BlueZ does, it ends."""
        before, self._client = self._client, None
        self._leave(before)  # without it BlueZ 5.66 gives every value of the next connection twice
        longest_s = self._scan_s + self._connect_s + _FAREWELL_S
        try:
            self._run(_within(longest_s, self._connected()))
        except Exception as error:  # bleak raises its own, D-Bus's, the system's and asyncio's
            self._gone = True
            client, self._client = self._client, None
            self._leave(client)
            raise explained(error, self._label) from error
        self._heard_s = time.monotonic()

    async def _connected(self) -> None:
        import bleak

        await asyncio.sleep(_CATCH_UP_S)
        device = await find(self._address, self._label, self._scan_s)
        self._gone = False
        self._client = client = bleak.BleakClient(device, disconnected_callback=self._ended, timeout=self._connect_s)
        await client.connect()
        there = {one.uuid for service in client.services for one in service.characteristics}
        self._listened = chosen([one.kind for one in self._wanted], there, self._label)
        for one in self._listened:
            await client.start_notify(one.uuid, self._taker(one))

    def _leave(self, client: Any) -> None:
        if client is not None:
            with contextlib.suppress(Exception):  # it is gone, or BlueZ is
                self._run(_within(_FAREWELL_S, client.disconnect()))

    def _spec(self, one: Wanted) -> StreamSpec:
        normal_s = next(each.stale_s for each in self._listened if one.kind in each.kinds)
        return StreamSpec(
            name=one.name, kind=one.kind, rate_hz=1.0, unit=UNIT_OF_READING[one.kind], stale_s=one.stale_s or normal_s
        )

    def _ended(self, client: Any) -> None:
        if client is self._client:
            self._gone = True
            self._news.set()

    def _taker(self, one: Characteristic) -> Callable[[Any, bytearray], None]:
        return lambda _sender, packet: self._take(one, bytes(packet))

    def _take(self, one: Characteristic, packet: bytes) -> None:
        """A packet has come; called inside the event loop."""
        t_ns = time.monotonic_ns()
        self._news.set()
        try:
            decoded = one.decode(packet)
            self._heard_s = t_ns / NS_PER_S  # a belt that sends only rubbish is as good as silent
        except MalformedPacket:
            self._counts["bad_packets"] += 1
            self._recent.note(bad=True)
            return
        self._recent.note(bad=False)
        if decoded.stamp is None or one.steady:
            self._give(decoded, t_ns)
            return
        if (before := self._kept.get(one.uuid)) is not None:
            self._counts["old_packets"] += 1
            decoded = max(before[0], decoded, key=lambda each: each.stamp or (0,) * 6)
        self._kept[one.uuid] = decoded, t_ns

    def _settle(self, *, at_once: bool) -> None:
        """Give the newest of the dated measurements, when no further one comes."""
        now_ns = time.monotonic_ns()
        for uuid, (decoded, t_ns) in list(self._kept.items()):
            if at_once or now_ns - t_ns >= _SETTLED_S * NS_PER_S:
                del self._kept[uuid]
                self._give(decoded, t_ns)

    def _give(self, decoded: Decoded, t_ns: int) -> None:
        for one in self._wanted:
            if rows := decoded.rows.get(one.kind):
                data = np.array(rows, np.float32)
                self._counts["dropped"] += len(self._ready) == self._ready.maxlen
                self._ready.append(Sample(one.name, t_ns, data if one.kind in TRIPLES else data[:, 0], rate_hz=1.0))


async def _within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """As ``asyncio.wait_for``, which waits until what it has cancelled has ended: bleak may wait for BlueZ there."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        task.cancel()
        raise TimeoutError
    task.result()


def _check(address: str, label: str, wanted: Sequence[Wanted]) -> None:
    if not address:
        raise ConfigError('a Bluetooth device needs a name or an address: device = "ble:Polar H10".')
    for one in wanted:
        if one.kind not in KINDS:
            raise ConfigError(f"{label} gives no {one.kind}; of such devices {', '.join(KINDS)} can be read.")
        for key, value in (("column", one.column), ("unit", one.unit)):
            if value is not None and not (key == "unit" and value == UNIT_OF_READING[one.kind]):
                raise ConfigError(f"{label}: {key} means nothing here, its packets say it themselves; leave it out.")
