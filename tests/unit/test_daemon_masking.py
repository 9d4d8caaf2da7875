"""Passwords, headers and what plug-ins are given leave the device in no line."""

from edge_mm.daemon.config import load_config
from edge_mm.daemon.config_sink import SinkConfig
from edge_mm.daemon.masking import secrets_of, secrets_of_sink, without


def test_passwords_and_headers_are_taken_out_also_those_from_files(tmp_path):
    (tmp_path / "token").write_text("Bearer from-a-file\n")
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "edge-mm.toml").write_text(
        'version = 1\ndevice_id = "d"\n[mqtt]\nusername = "u"\npassword = "hunter22"\n'
        '[[sink]]\nkind = "webhook"\nurl = "https://host/in"\nheaders = {X-Key = "key-of-mine"}\n'
        'header_files = {Authorization = "token"}\n'
    )
    hide = without(secrets_of(load_config(tmp_path / "edge-mm.toml")))
    assert hide("hunter22 key-of-mine Bearer from-a-file, from-a-file") == "*** *** ***, ***"


def test_so_is_all_that_a_plug_in_is_given_but_short_words_and_numbers():
    given = {"token": "a-token", "to": ["+49123456", {"pin": "98765"}], "on": "yes", "n": 12}
    hide = without(secrets_of_sink(SinkConfig("pager", options=given)))
    assert hide("a-token of +49123456: 98765, yes, 12") == "*** of ***: ***, yes, 12"


def test_a_longer_one_is_not_left_in_part():
    assert without(["abcd", "abcdef"])("abcdef abcd") == "*** ***"
