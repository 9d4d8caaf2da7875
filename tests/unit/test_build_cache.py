"""Nothing is made twice: what was made of the same is taken from the cache, whole or not at all."""

import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from plans import AS_IT_IS
from test_build_bundle import small_fusion, small_plan

from converters.bundling.build import build
from converters.bundling.cache import Cache, key_of
from converters.conversion.files import file_digest
from edge_mm.errors import ConvertError

ROOT = Path(__file__).resolve().parents[2]
BEFORE = ", made before"
STEPS = ["float", "quantized", "judged"]


def built(folder):
    """The bundle of ``folder``'s plan and cache, and the steps that were made for it."""
    said = []
    done = build(folder / "plan" / "tiny.toml", folder / "out", cache=folder / "cache", say=said.append)
    made = [text.removeprefix("fusion: ") for text in said if not text.endswith(BEFORE)]
    assert made.pop() == "packing"
    return done.path.read_bytes(), made


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A folder with a plan, its bundle, and the cache of its build."""
    folder = tmp_path_factory.mktemp("first")
    small_plan(folder / "plan")
    assert built(folder)[1] == STEPS
    return folder


@pytest.fixture
def again(first, tmp_path):
    """A copy of that folder."""
    return Path(shutil.copytree(first, tmp_path / "again"))


@pytest.fixture
def fresh(first, tmp_path):
    """The same plan, where nothing was built yet."""
    shutil.copytree(first / "plan", tmp_path / "plan")
    return tmp_path


def bundle(folder):
    return (folder / "out" / "tiny-1.0.edgemm").read_bytes()


def command(folder):
    words = [folder / "plan" / "tiny.toml", "--out", folder / "out", "--cache", folder / "cache"]
    return [sys.executable, "-m", "converters.cli", "build", *map(str, words)]


def other_rows(plan):
    rows = dict(np.load(plan.with_name("rows.npz")))
    np.savez(plan.with_name("other.npz"), **{key: value[:350] for key, value in rows.items()})


def other_evaluation(plan):
    other_rows(plan)
    plan.write_text(plan.read_text().replace('evaluation = "rows.npz"', 'evaluation = "other.npz"'))


def other_representative(plan):
    other_rows(plan)
    plan.write_text(plan.read_text().replace('representative = "rows.npz"', 'representative = "other.npz"'))


def other_model(plan):
    plan.with_name("fusion.tflite").write_bytes(small_fusion(slope=2.0))


def other_gate(plan):
    plan.with_name("as-it-is.toml").write_text(f"{AS_IT_IS}[gate]\nmax_loss_pp = 2.0\n")


def other_rows_to_calibrate(plan):
    plan.with_name("as-it-is.toml").write_text(f"{AS_IT_IS}most_rows = 60\n")


def other_metric(plan):
    plan.write_text(plan.read_text().replace("auroc:drowsy", "accuracy:drowsy"))


def other_version(plan):
    plan.write_text(plan.read_text().replace('version = "1.0"', 'version = "1.1"'))


def other_name_of_the_recipe(plan):
    plan.with_name("as-it-is.toml").write_text(AS_IT_IS.replace("as-it-is", "renamed"))


def test_a_second_build_makes_nothing_and_gives_the_same_bytes(first, again):
    assert built(again) == (bundle(first), [])


@pytest.mark.parametrize(
    ("change", "made"),
    [
        (other_evaluation, ["judged"]),
        (other_gate, ["judged"]),
        (other_metric, ["judged"]),
        (other_representative, ["quantized", "judged"]),
        (other_rows_to_calibrate, ["quantized", "judged"]),
        (other_model, STEPS),
        (other_version, []),
        (other_name_of_the_recipe, []),
    ],
)
def test_a_change_makes_anew_only_what_depends_on_it(again, change, made):
    change(again / "plan" / "tiny.toml")
    assert built(again)[1] == made
    assert built(again)[1] == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: whole[:-1], lambda whole: whole[:-1] + b"?"])
def test_a_result_that_was_cut_or_altered_is_made_again(first, again, step, damage):
    (path,) = (again / "cache").glob(f"{step}-*")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert built(again) == (bundle(first), [step])
    assert path.read_bytes() == whole


def test_a_result_is_whole_or_not_there(tmp_path):
    cache, key = Cache(tmp_path / "cache"), key_of("float", {"model": "a"})
    assert cache.found(key) is None
    cache.keep(key, b"content")
    cache.keep(key, b"content")
    assert cache.found(key) == b"content"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [key]
    assert key_of("float", {"model": "b"}) != key
    assert key_of("judged", {"model": "a"}).removeprefix("judged-") != key.removeprefix("float-")


def test_a_folder_has_the_digest_of_its_files_and_their_names_wherever_it_lies(tmp_path):
    (tmp_path / "one" / "inner").mkdir(parents=True)
    (tmp_path / "one" / "inner" / "weights").write_bytes(b"12")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert file_digest(tmp_path / "one") == file_digest(tmp_path / "two")
    (tmp_path / "two" / "inner" / "weights").rename(tmp_path / "two" / "weights")
    assert file_digest(tmp_path / "one") != file_digest(tmp_path / "two")


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path):
    with pytest.raises(ConvertError, match=r"gone\.keras: No such file"):
        file_digest(tmp_path / "gone.keras")


def test_a_build_from_the_cache_does_not_import_tensorflow(again):
    code = (
        "import sys; from converters.cli import main; status = main(sys.argv[1:]); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules); sys.exit(status)"
    )
    words = [sys.executable, "-c", code, *command(again)[3:]]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_two_builds_at_once_do_not_disturb_each_other(first, fresh):
    both = [subprocess.Popen(command(fresh), cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    assert [path.name for path in (fresh / "out").iterdir()] == ["tiny-1.0.edgemm"]
    assert sorted(path.name.split("-")[0] for path in (fresh / "cache").iterdir()) == sorted(STEPS)
    assert bundle(fresh) == bundle(first)


@pytest.mark.parametrize("step", ["quantized", "judged"])
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_build_that_was_stopped_goes_on_where_it_was(first, fresh, step, sent, status):
    master, slave = pty.openpty()
    with subprocess.Popen(command(fresh), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=slave) as child:
        os.close(slave)
        shown = read_until(master, f"fusion: {step}")
        child.send_signal(sent)
        shown += rest_of(master)
    os.close(master)
    assert child.returncode == status, shown
    assert "Traceback" not in shown
    assert not (fresh / "out").exists()
    content, made = built(fresh)
    left = STEPS[STEPS.index(step) :]
    assert content == bundle(first)
    assert made in (left, left[1:])  # a small step may be done before the signal arrives


def test_the_bar_on_a_terminal_counts_what_is_done_and_ends_at_its_total(fresh):
    master, slave = pty.openpty()
    with subprocess.Popen(command(fresh), cwd=ROOT, stdout=subprocess.PIPE, stderr=slave, text=True) as child:
        os.close(slave)
        shown = rest_of(master)
        out = child.stdout.read()
    os.close(master)
    assert child.returncode == 0
    for place, step in enumerate(["fusion: float", "fusion: quantized", "fusion: judged", "packing"]):
        assert any(f"{place}/4 " in line and f", {step}]" in line for line in shown.split("\r")), (step, shown)
    assert "4/4 " in shown.split("\r")[-2 if shown.endswith("\n") else -1]
    assert "/4" not in out


def read_until(terminal, text):
    shown = ""
    while text not in shown:
        shown += os.read(terminal, 1024).decode()
    return shown


def rest_of(terminal):
    """What is shown until nobody holds the other end."""
    shown = b""
    try:
        while part := os.read(terminal, 1024):
            shown += part
    except OSError:  # Linux says so instead of the end of the file
        pass
    return shown.decode()
