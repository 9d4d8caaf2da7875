"""What an outbox refuses to open or to take, and in which words."""

import random
import sqlite3
import stat
import subprocess
import sys

import pytest
from delivery_samples import ENVIRONMENT, alert

from edge_mm.delivery.outbox import Outbox
from edge_mm.delivery.outbox_file import probe_file
from edge_mm.errors import OutboxError


def test_a_second_process_is_refused_until_the_first_one_is_gone(tmp_path):
    path = tmp_path / "o.sqlite"
    other = [
        sys.executable,
        "-c",
        "import sys\nfrom edge_mm.delivery.outbox import Outbox\n"
        "from edge_mm.errors import OutboxError\n"
        "try:\n    Outbox(sys.argv[1], device='car-7')\nexcept OutboxError as error:\n    print(error)",
        str(path),
    ]
    with Outbox(path, device="car-7") as outbox:
        outbox.commit([alert()])
        refused = subprocess.run(other, capture_output=True, text=True, env=ENVIRONMENT, check=True).stdout
        with pytest.raises(OutboxError, match="another process uses it"):
            Outbox(path, device="car-7")
        again = subprocess.run(other, capture_output=True, text=True, env=ENVIRONMENT, check=True).stdout
        with pytest.raises(OutboxError, match="another process uses it"):
            probe_file(path, device="car-7")
        still = subprocess.run(other, capture_output=True, text=True, env=ENVIRONMENT, check=True).stdout
        assert outbox.commit([alert()])[0].seq == 2
    assert refused.startswith(f"outbox {path}: another process uses it")
    assert refused == again == still
    assert subprocess.run(other, capture_output=True, text=True, env=ENVIRONMENT, check=True).stdout == ""


def test_a_file_that_is_no_outbox_is_refused_by_name(tmp_path):
    text, foreign, folder = tmp_path / "notes.txt", tmp_path / "other.sqlite", tmp_path / "folder"
    text.write_text("not a database, but a text that is long enough to have a header\n" * 20)
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    folder.mkdir()
    for path, words in ((text, "not an outbox"), (foreign, "another program"), (folder, "directory")):
        with pytest.raises(OutboxError, match=words) as caught:
            Outbox(path, device="car-7")
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    for path in ("/proc/nowhere/o.sqlite", tmp_path / "file" / "o.sqlite"):
        with pytest.raises(OutboxError, match="give a file in a folder that this user can write"):
            Outbox(path, device="car-7")


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_file_is_said_to_be_damaged(tmp_path, damage):
    path = tmp_path / "o.sqlite"
    with Outbox(path, device="car-7") as outbox:
        outbox.commit([alert()] * 200, b"s" * 5000)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    else:
        content[4096:] = random.Random(1).randbytes(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(OutboxError, match=r"damaged; move it away"):
        Outbox(path, device="car-7")


def test_the_outbox_of_another_device_is_refused(tmp_path):
    Outbox(tmp_path / "o.sqlite", device="car-7").close()
    with pytest.raises(OutboxError, match="belongs to the device 'car-7', this one is 'car-8'"):
        Outbox(tmp_path / "o.sqlite", device="car-8")


def test_only_its_owner_can_read_it(tmp_path):
    path = tmp_path / "deep" / "o.sqlite"
    with Outbox(path, device="car-7") as outbox:
        outbox.commit([alert()])
        files = list(path.parent.iterdir())
        assert len(files) >= 2
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    Outbox(path, device="car-7").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_beyond_its_limit_it_refuses_the_new_and_keeps_the_old(tmp_path):
    with Outbox(tmp_path / "o.sqlite", device="car-7", max_records=3) as outbox:
        outbox.commit([alert(), alert()], b"2")
        with pytest.raises(OutboxError, match="2 alerts wait for the broker"):
            outbox.commit([alert(), alert()], b"4")
        assert (outbox.depth, outbox.snapshot()) == (2, b"2")
        outbox.acknowledged(1)
        assert [record.seq for record in outbox.commit([alert(), alert()], b"4")] == [3, 4]


def test_after_close_it_says_so(tmp_path):
    outbox = Outbox(tmp_path / "o.sqlite", device="car-7")
    outbox.close()
    outbox.close()
    with pytest.raises(OutboxError, match="was closed"):
        outbox.commit([alert()])


def test_a_probe_says_what_opening_would_and_leaves_the_file_as_it_was(tmp_path):
    path, foreign, text = tmp_path / "o.sqlite", tmp_path / "other.sqlite", tmp_path / "notes.txt"
    with Outbox(path, device="car-7") as outbox:
        outbox.commit([alert()], b"s")
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    text.write_text("not a database, but a text that is long enough to have a header\n" * 20)
    before = path.read_bytes()
    probe_file(path, device="car-7")
    probe_file(path, device=None)
    for wrong, words in (
        (path, "belongs to the device 'car-7'"),
        (foreign, "another program"),
        (text, "not an outbox"),
    ):
        with pytest.raises(OutboxError, match=words):
            probe_file(wrong, device="car-8")
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "notes.txt", "o.sqlite", "o.sqlite-reserve", "other.sqlite"
    ]  # fmt: skip


def test_a_link_to_where_no_file_is_yet_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "o.sqlite")
    with Outbox(tmp_path / "link", device="car-7") as outbox:
        outbox.commit([alert()])
    assert stat.S_IMODE((tmp_path / "o.sqlite").stat().st_mode) == 0o600


def test_forgetting_boots_does_not_search_the_backlog(tmp_path):
    Outbox(tmp_path / "o.sqlite", device="car-7").close()
    with sqlite3.connect(tmp_path / "o.sqlite") as db:
        plan = db.execute("EXPLAIN QUERY PLAN SELECT 1 FROM record WHERE boot_id = 'b'").fetchone()[-1]
    db.close()
    assert plan.startswith("SEARCH record USING COVERING INDEX")
