"""Which requests are heard: few at a time, none that the broker kept, each counted once."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from paho.mqtt.client import MQTTMessage

from edge_mm.delivery.hearing import BURST, Hearing
from edge_mm.delivery.topics import Topics


class Ears:
    """A ``Hearing`` with a clock that is set by hand, and all that it does."""

    def __init__(self, handle=None):
        self.now_s, self.counts, self.answers, self.handed = 0.0, Counter(), [], []
        self.hearing = Hearing(
            Topics("d"), handle=handle or self.take, count=lambda what: self.counts.update([what]),
            answer=lambda level, response, data: self.answers.append((level, response, data)),
            clock_s=lambda: self.now_s,
        )  # fmt: skip

    def take(self, heard):
        self.handed.append(heard)
        return True

    def hear(self, topic="edge_mm/d/bridge/request/health", payload=None, *, retain=False):
        message = MQTTMessage(topic=topic if isinstance(topic, bytes) else topic.encode())
        right = {"issued_at": datetime.now(UTC).isoformat(), "transaction": "mine"}
        message.payload, message.retain = json.dumps(right).encode() if payload is None else payload, retain
        self.hearing.take(message)


def test_more_than_a_burst_is_not_read_and_that_is_said_once_a_second():
    ears = Ears()
    for _ in range(BURST + 30):
        ears.hear()
    assert len(ears.handed) == BURST
    assert [answer.error for _, answer, _ in ears.answers] == ["too many requests; wait and ask again"]
    assert ears.counts == {"requests": BURST, "requests_refused": 1, "requests_ignored": 29}
    ears.now_s = 0.9  # four more may come by now, and it is too soon to say it again
    for _ in range(6):
        ears.hear()
    assert ears.counts == {"requests": BURST + 4, "requests_refused": 1, "requests_ignored": 31}
    ears.now_s = 1.05
    ears.hear()  # a fifth
    ears.hear()
    assert (ears.counts["requests_refused"], len(ears.answers)) == (2, 2)
    ears.now_s = 1000.0  # however long nobody asked: a burst, not more
    for _ in range(BURST + 1):
        ears.hear()
    assert ears.counts["requests"] == 2 * BURST + 5


def test_wrong_requests_use_up_the_same_few_so_that_nobody_can_keep_us_reading():
    ears = Ears()
    for _ in range(BURST + 1):
        ears.hear(payload=b"[" * 4000)
    assert ["nested too deeply" in answer.error for _, answer, _ in ears.answers] == [True] * BURST + [False]


@pytest.mark.parametrize("topic", ["edge_mm/d/bridge/response/health", b"edge_mm/d/bridge/request/\xff"])
def test_what_the_broker_kept_and_what_is_no_request_is_ignored_and_counted(topic):
    ears = Ears()
    ears.hear(retain=True)
    ears.hear(topic)
    assert (ears.handed, ears.answers, ears.counts) == ([], [], {"requests_ignored": 2})
    for _ in range(BURST):  # neither has used up anything
        ears.hear()
    assert len(ears.handed) == BURST


def test_who_is_too_busy_or_fails_answers_with_the_callers_word_and_counts_it_once(caplog):
    busy = Ears(lambda heard: False)
    busy.hear()
    assert "too many requests wait" in busy.answers[0][1].error

    def fails(heard):
        raise RuntimeError("a handler of ours")

    failing = Ears(fails)
    failing.hear()
    assert failing.answers[0][1].error == "health: internal error"
    for ears in (busy, failing):
        assert ears.answers[0][1].transaction == "mine"
        assert ears.counts == {"requests": 1}


def test_an_unknown_verb_is_answered_where_nobody_chose_the_topic():
    ears = Ears()
    ears.hear("edge_mm/d/bridge/request/../../x")
    assert ears.answers[0][0] == "unknown"
