"""A forged recording, whole by its checksums and absurd by its content: the monitor takes it or refuses it."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded_events import STATE, write

from edge_mm.daemon.recorded import Played, played
from edge_mm.errors import EdgeMmError
from edge_mm.kinds import TRIPLES
from edge_mm.monitor import Monitor
from edge_mm.recording import Announced, Recorded, Said
from edge_mm.types import Sample, Status, StreamSpec, Tick

KINDS = ("video", "audio", "ecg", "ppg", "eda", "acc", "note", "heart_rate", "blood_pressure", "number")
TIMES = st.one_of(st.integers(0, 10**9), st.integers(-(10**13), 10**13))
RATES = st.one_of(st.sampled_from([15.0, 50.0, 100.0, 250.0, 16_000.0]), st.floats(1e-4, 1e6))
NUMBERS = st.floats(width=32)


@st.composite
def samples(draw, streams: dict[str, StreamSpec]):
    spec = draw(st.sampled_from(sorted(streams.values(), key=lambda one: one.name)))
    if spec.kind == "video":
        shape = draw(st.sampled_from([(1, 1, 3), (1, 40), (40, 1, 3), (24, 32, 3), (7, 5)]))
        data = np.full(shape, draw(st.integers(0, 255)), np.uint8)
    elif spec.kind == "note":
        data = np.frombuffer(draw(st.binary(max_size=20)), np.uint8)
    else:
        values = draw(st.lists(NUMBERS, max_size=12))
        data = np.array(values, draw(st.sampled_from([np.float32, np.float64])))
        if spec.kind in TRIPLES:
            data = np.tile(data[:, None], (1, 3))
    return Sample(spec.name, draw(TIMES), data, draw(st.sampled_from([spec.rate_hz, 250.0])))


@st.composite
def forged(draw) -> list[Recorded]:
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    streams = {f"s{i}": StreamSpec(f"s{i}", kind, draw(RATES), "1") for i, kind in enumerate(kinds)}
    states = st.sampled_from(["starting", "live", "degraded", "stale", "lost", "off"])
    names = st.sampled_from([*streams, "nobody", "@graphs", "@"])
    others = st.one_of(
        samples(streams),
        st.builds(Tick, TIMES),
        st.builds(Status, TIMES, names.filter(lambda name: name != "@"), states, st.text(max_size=5)),
        st.builds(Announced, TIMES, st.sampled_from(list(streams.values()))),
        st.builds(Said, TIMES, st.just("k"), st.just("k"), st.just("raised"), st.booleans()),
    )
    return [STATE, *(Announced(0, spec) for spec in streams.values()), *draw(st.lists(others, max_size=25))]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(forged())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_forged_recording_ends_as_a_replay_or_as_a_sentence(tmp_path_factory, bundle, events):
    path = write(tmp_path_factory.mktemp("forged") / "r.mcap", events)
    monitor = Monitor(bundle)
    try:
        for _ in played(monitor, [path], Played()):
            pass
    except EdgeMmError as error:
        assert str(error)
