"""Watch a recording and print what is noticed.

python examples/watch_recording.py --video drive.mp4 --audio drive.wav --ecg ecg.csv
"""

import argparse

import edge_mm

parser = argparse.ArgumentParser()
parser.add_argument("--bundle", default="driver")
for name in ("video", "audio", "ecg", "ppg"):
    parser.add_argument(f"--{name}")
options = vars(parser.parse_args())

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
