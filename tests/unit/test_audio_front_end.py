"""The sound front end with the shipped bundle: time lines of blocks in, readings and embeddings out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mm.errors import ConfigError, UsageError
from edge_mm.models.bundle import Bundle, load_bundle
from edge_mm.perception.audio import AudioFrontEnd
from edge_mm.perception.litert import load_graph
from edge_mm.types import NS_PER_S, Embedding, Observation, Sample, StreamSpec

RATE = 16000
HOP_NS = 250_000_000
SPEC = StreamSpec("mic", "audio", float(RATE), "full scale")
Out = list[Observation | Embedding]


def shipped() -> Bundle | None:
    try:
        bundle = load_bundle("driver")
    except UsageError:
        return None
    return bundle if bundle.front_end("audio") else None


BUNDLE = shipped()
pytestmark = pytest.mark.skipif(BUNDLE is None, reason="the reference bundle 'driver' is not built: make bundle")


def front_end() -> AudioFrontEnd:
    assert BUNDLE is not None
    return AudioFrontEnd(BUNDLE, SPEC)


def block(sound: np.ndarray, at_s: float) -> Sample:
    return Sample("mic", round(at_s * NS_PER_S), sound.astype(np.float32), float(RATE))


def hear(sound: np.ndarray, cuts: list[int], *, start_s: float = 100.0) -> Out:
    ears = front_end()
    out: Out = []
    for begin, end in zip([0, *cuts], [*cuts, len(sound)], strict=True):
        out += ears.push(block(sound[begin:end], start_s + begin / RATE))
    return out + ears.flush()


def noise(seconds: float, *, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def siren(seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(1100 + 500 * np.sin(2 * np.pi * 0.3 * t)) / RATE
    return (0.2 * sum(np.sin(k * phase) / k for k in (1, 2, 3, 4))).astype(np.float32)


def readings(out: Out, name: str) -> list[Observation]:
    return [o for o in out if isinstance(o, Observation) and o.name == name]


def embeddings(out: Out) -> list[Embedding]:
    return [o for o in out if isinstance(o, Embedding)]


def test_each_hop_gives_every_class_once_and_one_embedding_and_spans_do_not_overlap() -> None:
    out = hear(siren(5.0), [])
    names = {o.name for o in out if isinstance(o, Observation)}
    assert {"audio.siren", "audio.dog", "audio.baby_cry", "audio.cough", "audio.sneeze", "audio.speech"} <= names
    hops = embeddings(out)
    assert len(hops) == len(readings(out, "audio.siren")) == 16
    assert all(b.t_ns == a.t_ns + a.span_ns for a, b in itertools.pairwise(hops))
    assert {h.span_ns for h in hops} == {HOP_NS}
    for t_ns in {o.t_ns for o in readings(out, "audio.siren")}:
        total = sum(o.value for o in out if isinstance(o, Observation) and o.t_ns == t_ns and o.unit == "probability")
        assert total == pytest.approx(1.0, abs=0.03)


def test_a_reading_is_stamped_with_the_centre_of_the_sound_it_was_made_from() -> None:
    first = readings(hear(siren(3.0), []), "audio.siren")[0]
    # four hops of 25 frames; the newest 96 of these 100 frames make the window
    begin = 100.0 + 4 * 160 / RATE
    end = 100.0 + (99 * 160 + 400) / RATE
    assert first.t_ns / NS_PER_S == pytest.approx((begin + end) / 2, abs=1e-4)


def test_a_wailing_siren_is_heard_at_any_volume_and_noise_is_none() -> None:
    for gain in (0.1, 1.0, 2.0):
        heard = readings(hear(gain * siren(6.0) + noise(6.0, level=0.001), []), "audio.siren")
        assert np.median([o.value for o in heard]) > 0.6
    assert max(o.value for o in readings(hear(noise(6.0), []), "audio.siren")) < 0.3


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 40_000), max_size=12, unique=True))
def test_how_the_sound_is_cut_into_blocks_makes_no_difference(cuts: list[int]) -> None:
    sound = np.concatenate((siren(1.2), noise(1.4)))
    whole, cut = hear(sound, []), hear(sound, sorted(c for c in cuts if c < len(sound)))
    assert len(whole) == len(cut)
    for a, b in zip(whole, cut, strict=True):
        assert type(a) is type(b)
        assert abs(a.t_ns - b.t_ns) <= len(cuts) + 1, "rounding of block stamps to whole nanoseconds"
        if isinstance(a, Observation) and isinstance(b, Observation):
            assert (a.name, a.value, a.quality, a.label) == (b.name, b.value, b.quality, b.label)
        elif isinstance(a, Embedding) and isinstance(b, Embedding):
            assert np.array_equal(a.vector, b.vector)


def test_sound_played_backwards_gives_another_embedding() -> None:
    assert BUNDLE is not None
    graph = load_graph(BUNDLE, "audio.encoder")
    window = BUNDLE.arrays("golden.npz")["audio.encoder/in/log_mel"]
    there = graph(log_mel=window)["embedding"]
    back = graph(log_mel=window.reshape(graph.inputs["log_mel"])[:, ::-1])["embedding"]
    assert np.abs(there - back).max() > 0.3
    assert np.linalg.norm(there - back) > 0.1 * np.linalg.norm(there)


def test_a_gap_empties_the_window_and_the_clock_starts_again() -> None:
    ears = front_end()
    before = ears.push(block(siren(2.0), 0.0))
    assert embeddings(before)
    after = ears.push(block(siren(0.9), 5.0))
    assert after == [], "0.9 s after the gap are not a window yet, and sound from before it must not fill it"
    after = ears.push(block(siren(1.0), 5.9))
    assert all(o.t_ns >= 5 * NS_PER_S for o in after)
    assert embeddings(after)


@pytest.mark.parametrize("lost_s", [0.06, 0.1, 0.2, 0.24])
def test_a_stretch_that_was_lost_is_never_glued_over(lost_s: float) -> None:
    ears = front_end()
    sound = siren(6.0)
    out: Out = []
    for i in range(120):
        at = i * 0.05 + (lost_s if i >= 60 else 0.0)
        out += ears.push(block(sound[i * 800 : (i + 1) * 800], at))
    resumed = round((3.0 + lost_s) * NS_PER_S)
    half = (95 * 160 + 400) / RATE / 2
    assert all(abs(o.t_ns - resumed) > (half - lost_s) * NS_PER_S for o in readings(out, "audio.siren"))
    assert len(embeddings(out)) == 2 * 8
    assert [h.t_ns for h in embeddings(out)][8] == resumed + 3 * HOP_NS


def test_time_that_steps_back_starts_again_too() -> None:
    ears = front_end()
    ears.push(block(siren(2.0), 50.0))
    assert ears.push(block(siren(0.5), 20.0)) == []
    assert all(o.t_ns < 23 * NS_PER_S for o in ears.push(block(siren(2.0), 20.5)))


def test_jitter_and_a_drifting_clock_are_no_gap() -> None:
    ears = front_end()
    rng = np.random.default_rng(5)
    sound, count = noise(60.0), 0
    last: Embedding | None = None
    for i in range(600):
        at = 10.0 + i * 0.1 * 1.005 + float(rng.uniform(-0.01, 0.01))  # 0.3 s late at the end: more than a hop
        for one in embeddings(ears.push(block(sound[i * 1600 : (i + 1) * 1600], at))):
            count, last = count + 1, one
    assert count == 236, "no window was lost"
    assert last is not None
    assert last.t_ns / NS_PER_S == pytest.approx(10.0 + 59.5 * 1.005, abs=0.3), "and the time was followed"


def test_silence_is_other_with_low_quality_and_a_dead_microphone_is_named() -> None:
    out = hear(np.zeros(6 * RATE, np.float32), [])
    assert {o.value for o in readings(out, "audio.other")} == {1.0}
    assert all(o.quality <= 0.1 for o in out)
    said = readings(out, "sensor.quality")
    assert [o.label for o in said] == [""] * 2 + ["silent"] * (len(said) - 2)
    assert len(said) in (5, 6), "about one per second"


def test_what_was_measured_before_a_gap_is_not_said_of_the_sound_after_it() -> None:
    ears = front_end()
    before = ears.push(block(np.zeros(3 * RATE), 0.0))
    after = ears.push(block(np.zeros(2 * RATE), 10.0))
    assert before[-1].quality == 0.0
    assert "silent" in {o.label for o in before if isinstance(o, Observation)}
    assert after
    assert {o.label for o in after if isinstance(o, Observation)} == {""}


def test_an_embedding_is_said_as_late_as_the_front_end_promises_and_no_later() -> None:
    ears, sound, ages = front_end(), noise(4.0), []
    for i in range(400):
        now_s = (i + 1) * 0.01
        said = embeddings(ears.push(block(sound[i * 160 : (i + 1) * 160], i * 0.01)))
        ages += [now_s - hop.t_ns / NS_PER_S for hop in said]
    assert min(ages) >= ears.latency_s - 1e-6
    assert max(ages) <= ears.latency_s + 0.01


def test_a_clipped_microphone_is_named_and_trusted_less() -> None:
    said = readings(hear(np.clip(50 * noise(4.0), -1, 1), []), "sensor.quality")
    assert {o.label for o in said} == {"clipped"}
    assert all(0.0 < o.quality < 1.0 for o in said)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("other", [np.inf, -3e38, 1e30])
def test_values_that_are_no_sound_count_as_silence_and_do_no_lasting_harm(other: float) -> None:
    ears = front_end()
    bad = np.full(4 * RATE, np.nan, np.float32)
    bad[::7] = other
    out = ears.push(block(bad, 0.0))
    assert all(o.quality == 0.0 for o in out)
    assert out
    later = readings(ears.push(block(siren(4.0), 4.0)), "audio.siren")
    assert all(np.isfinite(o.value) for o in later)
    assert later[-1].value > 0.5


def test_a_recording_too_short_for_a_window_is_heard_once() -> None:
    out = hear(siren(0.5), [])
    assert len(embeddings(out)) == 1
    assert hear(np.zeros(0, np.float32), []) == []


def test_another_rate_is_refused_in_one_sentence() -> None:
    assert BUNDLE is not None
    with pytest.raises(ConfigError, match=r"44100 Hz.*16000 Hz"):
        AudioFrontEnd(BUNDLE, StreamSpec("mic", "audio", 44100.0, "full scale"))
    with pytest.raises(ConfigError, match="8000 Hz"):
        front_end().push(Sample("mic", 0, np.zeros(800, np.float32), 8000.0))
