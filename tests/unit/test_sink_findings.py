"""`edge-mm check` and `edge-mm doctor` try each sink, and nothing is sent, written or played."""

import json

import pytest
from http_receiver import HttpReceiver
from recordings import bundle_name, bursts

from edge_mm.cli import main
from edge_mm.daemon import doctor
from edge_mm.daemon.config import load_config
from edge_mm.daemon.config_sink import SinkConfig, sink_misfits
from edge_mm.daemon.sink_probe import try_sink
from edge_mm.errors import ConfigError, DeliveryError


def written(folder, sinks):
    bursts(folder / "s.wav", count=1)
    path = folder / "edge-mm.toml"
    path.write_text(
        f'version = 1\ndevice_id = "d"\nbundle = "{bundle_name()}"\n[mqtt]\nport = 1\n'
        f'[[source]]\nname="a"\nkind="audio"\ndevice="s.wav"\n{sinks}'
    )
    return str(path)


def check(path, capfd):
    main(["check", "-c", path, "--json"])
    return {one["part"]: one for one in json.loads(capfd.readouterr().out)["findings"]}


def test_check_and_doctor_say_of_each_sink_whether_it_could_be_used(tmp_path, capfd):
    with HttpReceiver() as there:
        sinks = (
            '[[sink]]\nkind="log"\n[[sink]]\nkind="led"\nhigh="nobodys"\n[[sink]]\nkind="pigeon"\n'
            f'[[sink]]\nkind="webhook"\nname="up"\nurl="http://127.0.0.1:{there.port}/T0KEN"\n'
            '[[sink]]\nkind="webhook"\nname="down"\nurl="http://127.0.0.1:9/T0KEN"\n'
        )
        path = written(tmp_path, sinks)
        found = check(path, capfd)
        remarks = {one.part: one for one in doctor.examine(path)}
        assert there.got == []
    levels = {part: (one["level"], one["status"]) for part, one in found.items() if part.startswith("sink")}
    assert levels == {
        "sink log": ("ok", 0), "sink up": ("ok", 0), "sink down": ("error", 69), "sink led": ("error", 69),
        "sink pigeon": ("error", 78),
    }  # fmt: skip
    told = {part: one.level for part, one in remarks.items() if part.startswith("sink")}
    assert told == {
        "sink log": "ok", "sink up": "ok", "sink down": "warning", "sink led": "warning", "sink pigeon": "error"
    }  # fmt: skip
    assert all(one.do for part, one in remarks.items() if part.startswith("sink") and one.level != "ok")
    assert "T0KEN" not in str(found) + str(remarks)
    assert not list(tmp_path.glob("*.jsonl"))


@pytest.mark.parametrize("line", ['kind="webhook"\nurl="ftp://h/"', 'kind="log"\nmax_mib=0', 'kind="log"\nurl="x"'])
def test_sinks_that_are_configured_wrongly_are_not_tried_and_the_rest_is(tmp_path, capfd, line):
    found = check(written(tmp_path, f"[[sink]]\n{line}\n"), capfd)
    assert (found["sink"]["level"], found["source a"]["level"], found["bundle"]["level"]) == ("warning", "ok", "ok")
    assert found["config"]["status"] == 78


def test_a_log_that_could_not_be_written_is_said(tmp_path):
    assert "writable" in try_sink(SinkConfig(kind="log", path=str(tmp_path / "new" / "folder" / "a.jsonl")))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(DeliveryError, match="not a regular file"):
        try_sink(SinkConfig(kind="log", path=str(tmp_path / "d.jsonl")))
    with pytest.raises(ConfigError, match="no sink of kind 'pigeon'; there are log, webhook, sound, led, or a plug-in"):
        try_sink(SinkConfig(kind="pigeon"))
    assert [path.name for path in tmp_path.iterdir()] == ["d.jsonl"]


def test_a_kind_that_there_is_none_of_is_told_as_that_and_not_through_its_keys(tmp_path, capfd):
    sinks = '[[sink]]\nkind="mqqt"\nhost="h"\npath="p"\n[[sink]]\nkind="webhok"\nurl="x"\n'
    found = check(written(tmp_path, sinks.replace('host="h"\n', "")), capfd)
    assert found["sink mqqt"]["text"] == (
        "no sink of kind 'mqqt'; there are log, webhook, sound, led, or a plug-in of the group edge_mm.sinks; MQTT has "
        "its own table, [mqtt]"
    )
    assert found["sink webhok"]["text"].endswith("; did you mean webhook?")
    assert found["sink webhok"]["status"] == 78


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "a\\u0000b", "l\\u00e9d", "a\\nb", "/"])
def test_what_is_no_name_of_an_led_never_reaches_the_file_system(tmp_path, capfd, name):
    found = check(written(tmp_path, f'[[sink]]\nkind="led"\nhigh="{name}"\n'), capfd)
    assert "is not the name of an LED in /sys/class/leds" in found["config"]["text"]
    assert found["sink"]["level"] == "warning" and "sink led" not in found
    assert not list(sink_misfits([{"kind": "led", "high": "mmc0::", "low": "input3::capslock"}]))


@pytest.mark.parametrize(
    ("sinks", "who"),
    [
        ('[[sink]]\nkind="log"\npath="edge-mm-outbox.sqlite"\n', "the outbox"),
        ('[[sink]]\nkind="log"\npath="edge-mm-outbox.sqlite-wal"\n', "the outbox"),
        ('[[sink]]\nkind="log"\npath="edge-mm.toml"\n', "the configuration"),
        ('[[sink]]\nkind="log"\npath="./edge-mm-baseline.json"\n', "the baseline"),
        ('[[sink]]\nkind="log"\nname="all"\n[[sink]]\nkind="log"\nname="high"\nmin_priority="high"\n', "sink all"),
        ('[[sink]]\nkind="log"\nname="a"\npath="a"\n[[sink]]\nkind="log"\nname="b"\npath="a.2"\n', "sink a"),
    ],
)
def test_a_log_is_never_written_to_a_file_that_is_somebody_elses(tmp_path, sinks, who):
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, sinks))
    (problem,) = caught.value.problems
    assert f": path: {tmp_path}" in problem
    assert problem.endswith(f": {who} has this file; give the log one of its own")


def test_logs_with_files_of_their_own_may_lie_side_by_side(tmp_path):
    sinks = '[[sink]]\nkind="log"\n[[sink]]\nkind="log"\nname="high"\npath="high.jsonl"\n'
    assert len(load_config(written(tmp_path, sinks)).sink) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('headers="Authorization: Bearer s3cret"', "sink[0].headers: text is wrong: it must be a table of text"),
        ('headers={"Authorization: Bearer s3cret"=""}', "sink[0].headers: has a key that is no name of a header"),
        ('header_files={"X: s3cret"="f"}', "sink[0].header_files: has a key that is no name of a header"),
        ('options="s3cret"', "sink[0].options: text is wrong: it must be a table"),
        ('headers={authorization="s3cret"}\nheader_files={Authorization="f"}', "give it here or in headers"),
    ],
)
def test_what_stands_in_the_wrong_place_of_a_webhook_is_not_repeated(tmp_path, line, said):
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, f'[[sink]]\nkind="webhook"\nurl="http://h/"\n{line}\n'))
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_file_with_a_header_is_refused_where_others_may_read_it(tmp_path):
    token = tmp_path / "token"
    token.write_text("Bearer s3cret\n")
    token.chmod(0o640)
    path = written(tmp_path, '[[sink]]\nkind="webhook"\nurl="http://h/"\nheader_files={Authorization="token"}\n')
    with pytest.raises(ConfigError, match=r"header_files.Authorization: .*others may read it \(640\); chmod 600"):
        load_config(path)
    token.chmod(0o600)
    assert load_config(path).sink[0].headers == {"Authorization": "Bearer s3cret"}
