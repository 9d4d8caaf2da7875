"""A recording of events: what is written is read again, and nothing else is believed."""

import math
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_events import HEAD, STATE, everything, read, spec, write

from edge_mm.errors import EdgeMmError, SourceError
from edge_mm.recording import Announced, Encoder, End, Message, Recording, RecordingWriter, State
from edge_mm.types import Sample, Status, Tick


def same(a, b) -> bool:
    if not (isinstance(a, Sample) and isinstance(b, Sample)):
        return a == b
    alike = (a.stream, a.t_ns, a.rate_hz, a.data.shape, a.data.dtype) == (
        b.stream, b.t_ns, b.rate_hz, b.data.shape, b.data.dtype,
    )  # fmt: skip
    return alike and a.data.tobytes() == b.data.tobytes()


def test_every_kind_of_event_is_read_again_in_order_and_to_the_bit(tmp_path):
    events = everything()
    write(tmp_path / "r.mcap", events, jpeg_quality=0)
    recording, found = read(tmp_path / "r.mcap")
    assert len(found) == len(events)
    assert all(map(same, events, found))
    assert recording.head == HEAD
    assert recording.end == End(ended=True, dropped=3)
    assert not recording.cut_off
    assert all(event.data.flags.writeable for event in found if isinstance(event, Sample))


def test_a_file_is_for_its_owner_alone_and_replaces_none(tmp_path):
    path = write(tmp_path / "r.mcap", [STATE])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        RecordingWriter(path, HEAD)


def test_another_reader_of_this_format_finds_streams_times_and_schemas(tmp_path):
    from mcap.reader import make_reader

    path = write(tmp_path / "r.mcap", everything())
    with path.open("rb") as file:
        reader = make_reader(file)
        found = [(channel.topic, schema.name, message.log_time) for schema, channel, message in reader.iter_messages()]
    assert ("stream/ecg", "edge_mm.sample", 2_000) in found
    assert ("tick", "edge_mm.tick", 3_000) in found


@pytest.mark.parametrize("quality", [85, 100])
def test_a_picture_is_kept_as_jpeg_in_colour_and_in_grey(quality, tmp_path):
    ramp = np.tile(np.arange(160, dtype=np.uint8), (120, 1))
    frames = [np.dstack([ramp, ramp // 2, 255 - ramp]), ramp]
    events = [STATE, Announced(1, spec("video"))] + [Sample("video", 2 + i, one, 15.0) for i, one in enumerate(frames)]
    write(tmp_path / "r.mcap", events, jpeg_quality=quality)
    _, found = read(tmp_path / "r.mcap")
    for before, after in zip(frames, [one.data for one in found[2:]], strict=True):
        assert before.shape == after.shape
        assert np.abs(before.astype(int) - after).mean() < 6


@given(
    st.lists(
        st.one_of(st.integers(-32768, 32767).map(lambda i: i / 32768), st.floats(width=32)), min_size=1, max_size=50
    )
)
@settings(max_examples=200, deadline=None)
def test_sound_is_exact_whether_it_was_of_16_bits_or_not(values):
    from edge_mm.recording.pixels import coded, decoded

    data = np.array(values, np.float32)
    coding, body = coded("audio", data, jpeg_quality=0)
    again = decoded("audio", coding, "<f4", data.shape, body)
    assert again.tobytes() == data.tobytes()


def test_sound_of_a_16_bit_microphone_takes_half_the_room(tmp_path):
    from edge_mm.recording.pixels import coded

    data = np.arange(-32768, 32768, 37).astype(np.float32) / np.float32(32768)
    assert coded("audio", data, jpeg_quality=0) == ("int16", (data * 32768).astype("<i2").tobytes())
    assert coded("audio", data + np.float32(1e-6), jpeg_quality=0)[0] == "raw"


@pytest.mark.parametrize(
    "data",
    [np.zeros((2, 2, 2), np.float32), np.array([None]), np.zeros(3, np.complex64), np.zeros((4, 4), np.float32)],
)
def test_a_sample_that_its_stream_did_not_promise_is_left_out_and_counted(data):
    encoder = Encoder()
    encoder.encode(Announced(1, spec("ecg")))
    assert encoder.encode(Sample("ecg", 2, data, 250.0)) is None
    assert encoder.refused == 1


def test_a_stream_whose_name_or_rate_nobody_could_read_is_left_out():
    encoder = Encoder()
    assert encoder.encode(Announced(1, spec("ecg", name="../../etc"))) is None
    assert encoder.encode(Announced(1, spec("ecg", rate_hz=math.inf))) is None
    assert encoder.encode(Status(1, "a b", "live")) is None


def test_wherever_the_power_goes_what_was_written_before_is_read(tmp_path):
    events = [STATE, *(Tick(i) for i in range(20_000))]
    whole = write(tmp_path / "r.mcap", events).read_bytes()
    counts = []
    for share in (0.2, 0.5, 0.9, 0.99):
        cut = tmp_path / f"{share}.mcap"
        cut.write_bytes(whole[: int(len(whole) * share)] + bytes(4096 if share == 0.5 else 0))
        recording, found = read(cut)
        assert found == events[: len(found)]
        counts.append(len(found))
        assert recording.cut_off or recording.end is not None
    assert counts == sorted(counts)
    assert counts[2] > 5000


def test_a_last_part_that_did_not_wholly_reach_the_card_is_passed_over_and_an_earlier_one_is_damage(tmp_path):
    path = tmp_path / "r.mcap"
    encoder, writer = Encoder(), RecordingWriter(path, HEAD)
    ends = []
    for ticks in (range(1), range(1, 500), range(500, 1000)):
        for event in [STATE] * (ticks.start == 0) + [Tick(i) for i in ticks]:
            writer.write(encoder.encode(event))
        writer.sync()
        ends.append(path.stat().st_size)
    writer.abandon()
    whole = path.read_bytes()
    for where, count in (((ends[1] + ends[2]) // 2 - 9000, 501), (ends[1] - 20_000, None)):
        damaged = bytearray(whole)
        damaged[where] ^= 0xFF
        path.write_bytes(damaged)
        if count is None:
            with pytest.raises(SourceError, match="a checksum is wrong"):
                read(path)
        else:
            recording, found = read(path)
            assert len(found) == count
            assert recording.cut_off


@pytest.mark.parametrize("content", [b"", b"\x89MCAP0\r\n", b"RIFF" + bytes(100), b"\x89MCAP0\r\n" + bytes(100)])
def test_what_is_no_recording_is_said_in_a_sentence(content, tmp_path):
    path = tmp_path / "r.mcap"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="not a recording of edge-mm"):
        Recording(path)


def test_a_file_that_is_not_there_or_a_folder_is_said_in_a_sentence(tmp_path):
    for path in (tmp_path, tmp_path / "none.mcap", Path("/dev/zero")):
        with pytest.raises(SourceError, match="no such file, or not a regular one"):
            Recording(path)


def test_a_recording_of_another_program_is_said_in_a_sentence(tmp_path):
    from mcap.writer import Writer

    with (tmp_path / "r.mcap").open("wb") as file:
        writer = Writer(file)
        writer.start()
        writer.add_metadata("other", {"a": "b"})
        writer.finish()
    with pytest.raises(SourceError, match="nothing in it says what was recorded"):
        Recording(tmp_path / "r.mcap")


def forged(path: Path, *messages: Message) -> Path:
    """A file whose checksums are right, but whose messages nobody of ours would write."""
    writer = RecordingWriter(path, HEAD)
    first = Encoder().encode(STATE)
    for message in (first, *messages):
        writer.write(message)
    writer.close(End(ended=True))
    return path


def sample(
    coding: str, dtype: str, shape: list[int], data: bytes, *, kind: str = "ecg", rate: float = 250.0
) -> Message:
    import msgspec

    return Message("sample", 1, spec(kind), msgspec.msgpack.encode([1, rate, coding, dtype, shape, data]))


@pytest.mark.parametrize(
    "message",
    [
        sample("raw", "|O", [1], bytes(8)),
        sample("raw", "<f4", [1 << 30], bytes(8)),
        sample("raw", "<f4", [2**31, 2**31, 0], b""),
        sample("raw", "<f4", [3], bytes(8)),
        sample("pickle", "<f4", [2], bytes(8)),
        sample("raw", "<f4", [2, 1], bytes(8)),
        sample("raw", "<f4", [-1], b""),
        sample("raw", "<f4", [2], bytes(8), rate=math.nan),
        sample("raw", "<f4", [2], bytes(8), rate=1e-300),
        sample("int16", "|u1", [2], bytes(4), kind="audio"),
        sample("jpeg", "|u1", [10, 10, 3], b"\x89PNG\r\n\x1a\n" + bytes(100), kind="video"),
        sample("jpeg", "|u1", [65535, 65535, 3], b"\xff\xd8\xff\xc0\0\x11\x08" + b"\xff" * 4 + bytes(9), kind="video"),
        sample("jpeg", "|u1", [10, 10, 3], b"\xff\xd8\xff\xc0\0\x11\x08\0\x0a\0\x0a" + bytes(9), kind="video"),
        sample("raw", "|u1", [0, 10, 3], b"", kind="video"),
        Message("tick", 1, None, b"\x91\xcf" + b"\xff" * 8),
        Message("tick", 1, None, b"\x91\xcf\x0f" + b"\xff" * 7),
        Message("tick", 1, None, b"\x80"),
        Message("status", 1, None, b"\x94\x01\xa9../../etc\xa4live\xa0"),
        Message("announced", 1, None, b"\x92\x01\x90"),
        Message("state", 1, None, b"\x94\x01\x90\x90\xc4\x00\x01"),
    ],
)
def test_a_message_that_nobody_of_ours_wrote_is_said_in_a_sentence(message, tmp_path):
    with pytest.raises(SourceError, match="damaged near byte"):
        read(forged(tmp_path / "r.mcap", message))


def test_a_description_that_is_nested_too_deep_is_said_in_a_sentence(tmp_path):
    from mcap.writer import Writer

    with (tmp_path / "r.mcap").open("wb") as file:
        writer = Writer(file)
        writer.start()
        writer.add_metadata("edge-mm", {"form": "1", "limits": "[" * 100_000})
        writer.finish()
    with pytest.raises(SourceError, match="not a recording of edge-mm"):
        Recording(tmp_path / "r.mcap")


WHOLE: list[bytes] = []


@pytest.fixture(scope="module", autouse=True)
def whole(tmp_path_factory):
    WHOLE[:] = [write(tmp_path_factory.mktemp("whole") / "r.mcap", everything()).read_bytes()]


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6), st.floats(0.05, 1))
@settings(max_examples=300, deadline=None)
def test_a_file_with_any_bytes_changed_and_cut_anywhere_is_read_or_said_to_be_damaged(tmp_path_factory, changes, share):
    content = bytearray(WHOLE[0])
    for where, value in changes:
        content[int(where * len(content))] = value
    path = tmp_path_factory.mktemp("fuzz") / "r.mcap"
    path.write_bytes(content[: int(len(content) * share)])
    try:
        _, found = read(path)
    except EdgeMmError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
    else:
        assert not found or isinstance(found[0], State)


@given(st.binary(max_size=300), st.sampled_from(["sample", "status", "tick", "announced", "state", "said"]))
@settings(max_examples=300, deadline=None)
def test_a_message_of_any_bytes_is_an_event_or_said_to_be_damaged(tmp_path_factory, body, schema):
    path = tmp_path_factory.mktemp("fuzz") / "r.mcap"
    message = Message(schema, 1, spec("video") if schema == "sample" else None, body)
    try:
        read(forged(path, message))
    except SourceError as error:
        assert "damaged near byte" in str(error)
