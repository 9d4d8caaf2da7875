"""The process that plays alarm sounds through PortAudio.

In: ``Order``s over the socket that it inherits. Out: sound, and a ``Done`` for each. The device is looked for anew with
each burst: it may have been plugged in meanwhile. Not here: who asks (``speaker``), how it sounds (``tones``).
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import numpy as np

from edge_mm.child import as_child
from edge_mm.errors import SourceError
from edge_mm.nearby.speaker import MAX_BYTES, Done, Order
from edge_mm.nearby.tones import burst
from edge_mm.quiet import quiet_stderr
from edge_mm.sources.portaudio import load_pyaudio

_BUFFER_S = 0.2
"""Long: on a busy board a short one runs dry, and a pulse becomes two."""
_EDGE_S = 0.3
"""Silence before and after: a sound server may drop the first buffer, and cuts off the last one."""


def main() -> None:
    """Play until the parent goes."""
    with as_child() as link:
        while order := link.recv(MAX_BYTES):
            link.send(msgspec.msgpack.encode(_do(msgspec.msgpack.decode(order, type=Order))))


def _do(order: Order) -> Done:
    try:
        pyaudio = load_pyaudio()
    except SourceError as error:
        return Done(error=str(error).replace("A microphone", "An alarm sound"))
    with quiet_stderr():
        try:
            audio = pyaudio.PyAudio()
        except OSError as error:
            return Done(error=f"sound does not work here: {error}")
        try:
            device = find_output(audio, order.device)
            if order.priority != "look":
                _play(pyaudio, audio, device, order)
            return Done(device=str(device["name"])[:200])
        except SourceError as error:
            return Done(error=str(error)[:1000])
        except (OSError, ValueError) as error:
            return Done(error=f"the sound output {order.device!r} cannot be played to: {error}"[:1000])
        finally:
            audio.terminate()


def find_output(audio: Any, pattern: str) -> dict[str, Any]:
    """The first output whose name contains the pattern.

    Raises:
        SourceError: nothing matches; the text lists what is there.
    """
    if pattern.lower() == "default":
        try:
            return dict(audio.get_default_output_device_info())
        except OSError:
            raise SourceError("there is no default sound output; plug one in, or name one (device)") from None
    records = [dict(audio.get_device_info_by_index(index)) for index in range(audio.get_device_count())]
    outputs = [record for record in records if record["maxOutputChannels"] > 0]
    for record in outputs:
        if pattern.lower() in record["name"].lower():
            return record
    there = ", ".join(repr(record["name"]) for record in outputs)[:500] or "none"
    raise SourceError(f"no sound output's name contains {pattern!r}; this machine has {there}")


def _play(pyaudio: Any, audio: Any, device: dict[str, Any], order: Order) -> None:
    rate_hz = int(device["defaultSampleRate"])
    channels = min(2, int(device["maxOutputChannels"]))
    assert order.priority != "look"  # noqa: S101 - for mypy
    tones = burst(order.priority, rate_hz=rate_hz, volume=order.volume)
    sound = np.pad(tones, round(_EDGE_S * rate_hz))
    frames = np.repeat(sound, channels).tobytes()
    stream = audio.open(
        rate=rate_hz,
        channels=channels,
        format=pyaudio.paInt16,
        output=True,
        output_device_index=device["index"],
        frames_per_buffer=round(rate_hz * _BUFFER_S),
    )
    try:
        began_s = time.monotonic()
        stream.write(frames)
        # It returns before all has been played, and ALSA's way to a sound server drops the rest when it is closed.
        end_s = began_s + len(sound) / rate_hz + stream.get_output_latency()
        time.sleep(max(0.0, end_s - time.monotonic()))
        stream.stop_stream()
    finally:
        stream.close()


if __name__ == "__main__":
    main()
