"""The Containerfile: what it copies is there and let through, what it installs exists, and it does not run as root."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "Containerfile").is_file():
    pytest.skip("not here: a checkout with its Containerfile", allow_module_level=True)


def steps() -> list[tuple[str, str]]:
    """Instruction and the rest, comments gone and continued lines joined."""
    lines = [line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def rests(instruction: str) -> list[str]:
    return [rest for word, rest in steps() if word == instruction]


def installed() -> set[str]:
    found = re.findall(r"apt-get install -y --no-install-recommends ([a-z0-9.+ -]+)", "\n".join(rests("RUN")))
    return {name for names in found for name in names.split()}


def test_only_instructions_that_docker_and_podman_both_know_are_used():
    known = {"FROM", "RUN", "ARG", "WORKDIR", "COPY", "ENV", "USER", "VOLUME", "ENTRYPOINT", "CMD", "HEALTHCHECK"}
    assert {word for word, _ in steps()} <= known
    for rest in rests("ENTRYPOINT") + rests("CMD") + rests("VOLUME"):
        assert all(isinstance(word, str) for word in json.loads(rest))


def test_both_stages_are_debian_12_which_has_arm64_and_x86_64():
    assert {rest.split()[0] for rest in rests("FROM")} == {"docker.io/library/debian:12-slim"}


def test_what_is_copied_from_the_checkout_is_there_and_not_ignored():
    copied = [rest.split()[:-1] for rest in rests("COPY") if not rest.startswith("--from=build ")]
    sources = {source for line in copied for source in line}
    assert sources
    assert all((ROOT / source).exists() for source in sources)
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_through == sources


def test_what_the_wheel_is_made_of_is_copied():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], project["project"]["readme"]}
    copied = {word for rest in rests("COPY") for word in rest.split()}
    assert needed <= copied
    (extras,) = (rest.partition("=")[2] for rest in rests("ARG") if rest.startswith("EXTRAS="))
    assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"])


def test_it_runs_edge_mm_and_not_as_root():
    words = [word for word, _ in steps()]
    assert rests("USER") == ["edge-mm"]
    assert words.index("USER") > words.index("COPY")
    assert json.loads(rests("ENTRYPOINT")[0]) == ["edge-mm"]
    assert json.loads(rests("CMD")[0])[0] == "run"


def test_every_package_that_is_installed_is_one_of_debian_12():
    release = Path("/etc/os-release")
    if shutil.which("apt-cache") is None or "VERSION_CODENAME=bookworm" not in release.read_text():
        pytest.skip("not here: apt of Debian 12")
    assert installed() >= {"python3", "python3-venv", "libportaudio2"}
    for name in sorted(installed()):
        said = subprocess.run(["apt-cache", "policy", name], capture_output=True, text=True, check=True).stdout
        if "Candidate" not in said and not list(Path("/var/lib/apt/lists").glob("*_Packages*")):
            pytest.skip("not here: apt's lists of packages")
        assert re.search(r"Candidate: \d", said), name
