"""Watch a recording and print what is noticed.

python examples/watch_recording.py --video drive.mp4 --audio drive.wav --ecg ecg.csv
"""

import argparse
import sys

import edge_mm


def main() -> None:
    parser = argparse.ArgumentParser(description="Watch a recording and print what is noticed.")
    parser.add_argument("--bundle", default="driver")
    parser.add_argument("--rate", dest="rate_hz", type=float, help="samples per second, where --ecg does not say")
    files = [parser.add_argument(f"--{name}", metavar="FILE").dest for name in ("video", "audio", "ecg", "ppg")]
    options = vars(parser.parse_args())
    if not any(options[name] for name in files):
        parser.error("nothing to watch: give --video, --audio, --ecg or --ppg")

    bundle = edge_mm.load_bundle(options.pop("bundle"))
    for output in edge_mm.replay(bundle, **options):
        seconds = output.t_ns / 1e9
        match output:
            case edge_mm.Observation(name="vitals.beat", label="V"):
                print(f"{seconds:8.2f} s  ventricular beat")
            case edge_mm.Estimate():
                weights = {sense: round(weight, 2) for sense, weight in output.weights.items()}
                print(f"{seconds:8.2f} s  {dict(output.scores)} because of {weights}")
            case edge_mm.Alert():
                print(f"{seconds:8.2f} s  {output.state} {output.kind}: {output.reason.text}")


try:
    main()
except edge_mm.EdgeMmError as error:
    print(f"watch_recording: {error}", file=sys.stderr)
    sys.exit(error.exit_status)
