"""A sensor of your own: an object with a name, open, read and close.

This one makes up the ECG of a heart that races after ten seconds, and `edge_mm.replay` watches it to its end. For a
real sensor, `read` asks your driver for the next block and stamps it with time.monotonic_ns() at its first element;
push its samples into an `edge_mm.Monitor` as they come. The daemon reads only sensors that its configuration names.

    python examples/own_sensor.py [BUNDLE]
"""

import sys

import numpy as np

import edge_mm

RATE_HZ = 250.0
BLOCK = 50  # 0.2 s


class ChestStrap:
    name = "ecg"
    live = False

    def open(self) -> edge_mm.StreamSpec:
        self._position = 0
        beat_hz = np.where(np.arange(int(40 * RATE_HZ)) < 10 * RATE_HZ, 70 / 60, 150 / 60)
        phase = np.cumsum(beat_hz) / RATE_HZ % 1.0
        waves = ((0.3, 0.12, 0.025), (0.48, -0.1, 0.008), (0.5, 1.1, 0.01), (0.52, -0.2, 0.01), (0.7, 0.3, 0.04))
        self._ecg = sum(height * np.exp(-(((phase - at) / width) ** 2) / 2) for at, height, width in waves)
        return edge_mm.StreamSpec(name=self.name, kind="ecg", rate_hz=RATE_HZ, unit="mV")

    def read(self) -> edge_mm.Sample | None:
        block = self._ecg[self._position : self._position + BLOCK].astype(np.float32)
        if not len(block):
            return None  # the end; a device that is gone raises edge_mm.SourceLost instead
        t_ns = round(self._position / RATE_HZ * 1e9)
        self._position += len(block)
        return edge_mm.Sample(stream=self.name, t_ns=t_ns, data=block, rate_hz=RATE_HZ)

    def close(self) -> None:
        pass


def main() -> None:
    bundle = edge_mm.load_bundle(sys.argv[1] if len(sys.argv) > 1 else "driver")
    for output in edge_mm.replay(bundle, ChestStrap()):
        if isinstance(output, edge_mm.Alert):
            print(f"{output.t_ns / 1e9:6.2f} s  {output.state}: {output.reason.text}")


try:
    main()
except edge_mm.EdgeMmError as error:
    print(f"own_sensor: {error}", file=sys.stderr)
    sys.exit(error.exit_status)
