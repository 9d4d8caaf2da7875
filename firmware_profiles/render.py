"""Render the README's table of boards from the profiles.

In: the ``.toml`` files of this folder. Out: Markdown between the markers ``<!-- boards -->`` and ``<!-- /boards -->``
of README.md: ``python -m firmware_profiles.render --write``; without ``--write`` the section is printed. Not here: what
the keys mean (``edge_mm.models.profile``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_mm.models.profile import Profile, known_profiles, load_profile

BEGIN, END = "<!-- boards -->", "<!-- /boards -->"
ORDER = ("raspberry-pi", "jetson", "coral", "generic")
_README = Path(__file__).resolve().parent.parent / "README.md"
_COLUMNS = (
    "board",
    "profile",
    "processor",
    "memory from",
    "runs",
    "accelerator",
    "bundle, arenas, daemon",
    "all graphs",
)
_HEAD = f"""\
## Boards

`edge-mm check` recognises the board and compares it, and the bundle, with its profile; `edge-mm-convert build
--profile` refuses a bundle that is over budget and says by how much. The last two columns are those budgets: bytes of
the bundle's file, of its graphs' arenas and of the daemon's memory; time of one core for one invoke of each graph.
Rendered from [`firmware_profiles`](firmware_profiles/README.md), where each figure has its source.

| {" | ".join(_COLUMNS)} |
|{"---|" * len(_COLUMNS)}
"""
_TAIL = """
*native*: `pip install` on the maker's system; *container*: its Python is too old, run the
[`Containerfile`](Containerfile). Every graph runs on the CPU (int8 with XNNPACK): LiteRT's GPU accelerator on a Jetson
is an experiment that edge-mm does not use, and the Edge TPU needs `libedgetpu` and graphs from your own
`edgetpu_compiler`, which it does not use yet either. A camera on the ribbon cable needs `libcamerify` (Raspberry Pi) or
an RTSP server beside it (Jetson): the OpenCV wheels have no libcamera and no GStreamer.

{never}
"""


def section() -> str:
    """The section with its markers, for README.md."""
    profiles = [load_profile(name) for name in sorted(known_profiles(), key=_place)]
    rows = "".join(f"{_row(profile)}\n" for profile in profiles)
    return f"{BEGIN}\n{_HEAD}{rows}{_TAIL.format(never=_never(profiles))}{END}"


def replaced(text: str) -> str:
    """The README's text with the section as it should be.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md has no {BEGIN} ... {END}")
    return f"{before}{section()}{after}"


def main() -> int:
    """Print or write."""
    parser = argparse.ArgumentParser(description="Render the table of boards of README.md from the profiles.")
    parser.add_argument("--write", action="store_true", help="put it into README.md")
    if parser.parse_args().write:
        _README.write_text(replaced(_README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(section())
    return 0


def _place(name: str) -> tuple[int, int, str]:
    """Makers in ``ORDER``; the Pi Zero before the Pi 3, the plain board before its variants."""
    maker = next(i for i, start in enumerate(ORDER) if name.startswith(start))
    return maker, 0 if "zero" in name else 1, name


def _row(profile: Profile) -> str:
    budget = profile.budget
    accelerator = {"edgetpu": "Edge TPU, not used yet", "gpu": "GPU, not used yet", "cpu": "none used"}
    limits = f"{_mib(budget.bundle_bytes)}, {_mib(budget.arena_bytes)}, {budget.rss_mib} MiB"
    speed = f"{budget.latency_ms:g} ms, {budget.macs / 1e6:.0f} million MACs, {budget.latency}"
    memory = f"{profile.memory_mib / 1024:g} GB" if profile.memory_mib >= 1024 else f"{profile.memory_mib} MB"
    runs = (profile.support, accelerator[profile.delegate])
    cells = (profile.title, f"`{profile.name}`", profile.chip, memory, *runs, limits, speed)
    return f"| {' | '.join(cells)} |"


def _mib(count: int) -> str:
    return f"{count / 2**20:g} MiB"


def _never(profiles: list[Profile]) -> str:
    """Say on which boards edge-mm never ran."""
    never = [profile.name for profile in profiles if profile.ran == "never"]
    ran = [f"`{profile.name}` ({profile.ran})" for profile in profiles if profile.ran != "never"]
    return (
        f"edge-mm ran on {', '.join(ran)}. **It never ran on the other {len(never)} themselves.**\n"
        "Times are estimated from published benchmarks: none was measured on the board itself."
    )


if __name__ == "__main__":
    raise SystemExit(main())
