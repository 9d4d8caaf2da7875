"""`edge-mm replay --recording` and `edge-mm check` of [record], as people meet them."""

import json
from pathlib import Path

import msgspec
import pytest
from recorded_events import HEAD, STATE, read, write
from recorded_runs import given, installation, watched
from recordings import bundle_name, ecg_csv

from edge_mm.cli import main
from edge_mm.daemon.shelf import recording_files
from edge_mm.recording import Encoder, RecordingWriter
from edge_mm.types import Status, Tick


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, bundle):
    """A folder with two files of one run, and the alerts of it."""
    place = tmp_path_factory.mktemp("run")
    ecg = ecg_csv(place / "e.csv", seconds=45, bpm=150)
    alerts = watched(installation(place, segment_s=30), bundle, given(ecg=ecg))
    assert [alert.kind for alert in alerts] == ["health.heart_rate_high"] * 2
    return place / "r", alerts


def lines_of(capsys, *words: str) -> list[dict]:
    assert main(["replay", "--json", "--recording", *words]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_folder_is_replayed_with_its_own_rules_and_says_the_same_twice(recorded, capsys):
    folder, alerts = recorded
    first, second = (lines_of(capsys, str(folder)) for _ in range(2))
    assert first[:-1] == second[:-1]
    found = [line for line in first if line["type"] == "alert"]
    assert [one["data"]["state"] for one in found] == ["active", "inactive"]
    assert [one["t"] for one in found] == pytest.approx([alert.t_ns / 1e9 for alert in alerts], abs=1e-3)
    assert first[-1]["transitions"] == first[-1]["transitions_then"] == 2
    assert first[-1]["samples"] == {"ecg": 225}


def test_other_rules_are_asked_for_by_a_configuration(recorded, tmp_path, capsys):
    folder, _ = recorded
    rules = tmp_path / "c.toml"
    rules.write_text('version = 1\ndevice_id = "d"\n[rules]\nheart_rate_high_bpm = 170\n')
    lines = lines_of(capsys, str(folder), "--config", str(rules))
    assert (lines[-1]["transitions"], lines[-1]["transitions_then"]) == (0, 2)


def test_for_people_the_replay_ends_with_what_was_said_then_and_now(recorded, capsys):
    folder, _ = recorded
    assert main(["replay", "--recording", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "health.heart_rate_high" in out
    assert out.endswith("then     2 transitions were recorded, 2 now\n")


def test_a_run_whose_power_went_is_replayed_up_to_there_and_that_is_said(recorded, tmp_path, capsys):
    recording, events = read(recording_files(recorded[0])[0])
    cut = tmp_path / "cut.mcap"
    encoder, writer = Encoder(), RecordingWriter(cut, recording.head)
    for i, event in enumerate(events):
        writer.write(encoder.encode(event))
        if i % 100 == 99:
            writer.flush()
    writer.abandon()
    cut.write_bytes(cut.read_bytes()[:-2000])
    assert main(["replay", "--json", "--recording", str(cut)]) == 0
    out, err = capsys.readouterr()
    assert 50 < json.loads(out.splitlines()[-1])["samples"]["ecg"] < 150
    assert "cut.mcap: cut off" in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["none.mcap"], (2, "no such file or folder")),
        (["."], (2, "no recording in it")),
        (["e.csv"], (69, "not a recording of edge-mm")),
        (["e.csv", "--video", "v.mp4", "--rate", "5"], (2, "--video, --rate beside --recording")),
        (["other.mcap"], (2, "recorded with the bundle '../../own', which does not ship; name it: --bundle FILE")),
        (["limits.mcap"], (69, "limits: warp: unknown key")),
        (["baseline.mcap"], (69, "baseline: ")),
        (["alarms.mcap", "--bundle", "driver"], (69, "the stored alarm state cannot be read")),
    ],
)
def test_what_cannot_be_replayed_is_said_in_a_sentence(words, expected, tmp_path, monkeypatch, capsys):
    status, said = expected
    bundle_name()
    monkeypatch.chdir(tmp_path)
    ecg_csv(tmp_path / "e.csv", seconds=1)
    changed = {
        "other": {"bundle": "../../own"}, "limits": {"limits": {"warp": 9}}, "baseline": {"baseline": {"version": "x"}},
        "alarms": {},
    }  # fmt: skip
    for name, fields in changed.items():
        head = msgspec.structs.replace(HEAD, **fields)
        state = msgspec.structs.replace(STATE, snapshot=b"no alarms") if name == "alarms" else STATE
        write(tmp_path / f"{name}.mcap", [state, Tick(1)], head=head)
    assert main(["replay", "--recording", *words]) == status
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_a_recording_of_another_bundle_or_of_own_rules_is_replayed_and_that_is_said(tmp_path, capsys):
    bundle_name()
    head = msgspec.structs.replace(HEAD, own_policies=True)
    path = write(tmp_path / "r.mcap", [STATE, Tick(1)], head=head)
    assert main(["replay", "--json", "--recording", str(path)]) == 0
    err = capsys.readouterr().err
    assert "recorded with driver 1.0.0, replayed with driver" in err
    assert "rules of a user's own" in err


def test_an_empty_file_that_a_power_cut_left_in_a_folder_is_left_out_and_said(recorded, tmp_path, capsys):
    for path in recording_files(recorded[0]):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "edge-mm-00000009.mcap").write_bytes(b"")
    lines = lines_of(capsys, str(tmp_path))
    assert lines[-1]["transitions"] == 2
    for path in recording_files(tmp_path):
        path.write_bytes(b"")
    assert main(["replay", "--recording", str(tmp_path)]) == 69
    assert "none of its 3 files can be read" in capsys.readouterr().err


def test_a_recording_of_which_nothing_is_left_but_its_head_has_a_summary(tmp_path, capsys):
    bundle_name()
    path = write(tmp_path / "r.mcap", [STATE])
    assert [line["type"] for line in lines_of(capsys, str(path))] == ["summary"]


def test_what_a_recording_says_of_its_sensors_does_nothing_to_a_terminal(tmp_path, capsys):
    bundle_name()
    events = [STATE, Status(0, "cabin", "live"), Status(1, "cabin", "lost", "\x1b[2Jgone"), Tick(2)]
    head = msgspec.structs.replace(HEAD, limits={})
    assert main(["replay", "--recording", str(write(tmp_path / "r.mcap", events, head=head))]) == 0
    out, err = capsys.readouterr()
    assert "[2Jgone" in out
    assert "\x1b" not in out + err


def findings(folder: Path, capfd, record: str) -> list[tuple[str, str]]:
    config = folder / "edge-mm.toml"
    config.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n[[source]]\nname="e"\nkind="ecg"\ndevice="e.csv"\n'
        f"[mqtt]\nport = 1\n{record}"
    )
    ecg_csv(folder / "e.csv", seconds=2)
    main(["check", "-c", str(config), "--json"])
    found = json.loads(capfd.readouterr().out)["findings"]
    return [(one["level"], one["text"]) for one in found if one["part"] == "record"]


def test_check_says_plainly_that_people_are_recorded_and_makes_nothing(tmp_path, capfd):
    (one,) = findings(tmp_path, capfd, '[record]\nfolder = "kept"\nwhat = "everything"\n')
    assert one[0] == "warning"
    assert one[1].startswith("people are recorded: pictures, sound, notes")
    assert not (tmp_path / "kept").exists()
    assert findings(tmp_path, capfd, "") == []


def test_check_says_what_is_wrong_with_the_folder(tmp_path, capfd):
    (tmp_path / "open").mkdir(mode=0o755)
    said = findings(tmp_path, capfd, '[record]\nfolder = "open"\n')
    assert [level for level, _ in said] == ["warning", "warning"]
    assert "others may look into it" in said[0][1]
    assert findings(tmp_path, capfd, '[record]\nfolder = "e.csv"\n')[0][0] == "error"
    assert "make " in findings(tmp_path, capfd, '[record]\nfolder = "none/kept"\n')[0][1]
    assert findings(tmp_path, capfd, '[record]\nwhat = "all"\n')[0][0] == "warning"


def test_the_first_file_of_a_run_says_with_what_it_was_watched(recorded):
    head = read(recording_files(recorded[0])[0])[0].head
    assert (head.device, head.bundle, head.part, head.joined, head.what) == ("d", "driver", 1, False, "signals")
    assert head.limits["heart_rate_high_bpm"] == 120
    assert head.limits["sound_enter"] == 0.003
