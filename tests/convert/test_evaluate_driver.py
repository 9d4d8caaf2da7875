"""The tasks of `evaluate` about faces and sounds on the shared data; quick, so nothing here is a measurement."""

import json

from recordings import bundle_name

from converters.cli import main


def test_faces_and_sounds_of_people_whom_no_net_has_met(shared_data, tmp_path, capsys):
    words = ["evaluate", bundle_name(), "--data", str(shared_data), "--quick", "--tasks", "faces,yawns,eyes,sounds"]
    assert main([*words, "--json", "--out", str(tmp_path)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["absent"] for one in report["tasks"]] == [""] * 4
    rows = {(row["task"], row["split"], row["measure"]): row for row in report["rows"]}
    stills = "YawDD stills of held-out people"
    assert rows["faces", stills, "face found"]["value"] > 0.9
    assert rows["faces", stills, "box IoU against BlazeFace"]["value"] > 0.5
    assert rows["yawns", stills, "yawn: AUROC"]["value"] > 0.9
    assert rows["eyes", "kaggle_eyes (evaluation only)", "closed: AUROC"]["value"] > 0.9
    assert rows["sounds", "held-out clips and Khan sirens", "macro F1"]["value"] > 0.6
    siren = next(row for (task, _, name), row in rows.items() if (task, name) == ("sounds", "siren: recall"))
    assert siren["n"] == "4/4 real clips"
    assert (tmp_path / "evaluation.html").read_text().count("<svg") >= 8
